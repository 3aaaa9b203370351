import { z } from "zod";
import { toChecksum } from "./account.ts";

const zeroAddress = `0x${"0".repeat(40)}`;
const addressPattern = /^0x[0-9a-fA-F]{40}$/;

/** One case says nothing; mixed case is a checksum (ERC-55) and has to be right: a typing error would lose the Ether. */
const isChecksumRight = (address: string): boolean => {
  const digits = address.slice(2);
  const lower = digits.toLowerCase();
  return digits === lower || digits === digits.toUpperCase() || address === toChecksum(lower);
};

/** An account that somebody may hold the key of, as tenants write it. */
export const accountAddress = z
  .string()
  .regex(addressPattern, "must be 0x and 40 hexadecimal digits")
  .refine((text) => text !== zeroAddress, { message: "must not be the zero address: nobody has its key" })
  .refine((text) => !addressPattern.test(text) || isChecksumRight(text), {
    message: "has mixed case that is not its checksum (ERC-55): copy it again, or write it in lower case",
  });

/** Whether no address stands there twice, in whatever case. */
export const areDifferentAddresses = (addresses: readonly string[]): boolean =>
  new Set(addresses.map((address) => address.toLowerCase())).size === addresses.length;
