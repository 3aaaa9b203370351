import { DomainError } from "@portolan/domain";

/** Some twenty times what the largest network's export has. */
export const mostJsonValues = 200_000;

const quote = 0x22;
const backslash = 0x5c;
/** `,` `[` `{`: each begins a member or an element. */
const isBeginning = (unit: number): boolean => unit === 0x2c || unit === 0x5b || unit === 0x7b;

/**
 * Throws `request.too_large` for JSON of more members and elements than anybody means. Before it is parsed: two bytes can
 * be a value, and one takes a hundred times that in memory and time of the thread that serves everybody.
 */
export const demandFewValues = (json: string): void => {
  let count = 0;
  let isText = false;
  for (let at = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at);
    if (isText) {
      if (unit === backslash) at++;
      else if (unit === quote) isText = false;
    } else if (unit === quote) isText = true;
    else if (isBeginning(unit) && ++count > mostJsonValues)
      throw new DomainError({
        code: "request.too_large",
        message: `The JSON has more than ${mostJsonValues} members and elements.`,
      });
  }
};
