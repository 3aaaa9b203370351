import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryDirectory } from "@portolan/testing";
import { expect, test } from "vitest";
import { toGrpcAddress } from "./grpc-address.ts";

const domain = { PORTOLAN_GRPC_DOMAIN: "chains.example" };
const listener = { ...domain, PORTOLAN_GRPC_ADDRESS: "127.0.0.1:4201" };

test("without a listener there is no address", () => {
  expect(toGrpcAddress({ ...domain, PORTOLAN_GRPC_ADDRESS: undefined, PORTOLAN_GRPC_CA_FILE: undefined })).toBe(
    undefined,
  );
});

test("a chain's name is a label of the domain", () => {
  const address = toGrpcAddress({ ...listener, PORTOLAN_GRPC_CA_FILE: undefined });
  expect(address?.of("chn_abc")).toEqual({ address: "127.0.0.1:4201", serverName: "chn-abc.chains.example" });
});

test("the authority is what its file holds when it is asked for: the gateway makes it later, and renews it", async () => {
  const file = join(temporaryDirectory("grpc-address"), "ca.pem");
  const address = toGrpcAddress({ ...listener, PORTOLAN_GRPC_CA_FILE: file });
  expect(await address?.authority()).toBe(undefined);
  for (const pem of ["one", "two"]) {
    writeFileSync(file, pem);
    expect(await address?.authority()).toBe(pem);
  }
});
