const kibi = 1_024;
const units = ["Ki", "Mi", "Gi", "Ti"] as const;

/** Bytes as Kubernetes writes them itself: the largest unit that leaves a whole number. */
export const toQuantity = (bytes: number): string => {
  let value = Math.ceil(bytes);
  let unit = "";
  for (const next of units) {
    if (value === 0 || value % kibi !== 0) break;
    value /= kibi;
    unit = next;
  }
  return `${value}${unit}`;
};

/** Thousandths of a processor; whole ones without the unit, as Kubernetes writes them itself. */
export const toCpu = (millis: number): string =>
  millis % 1_000 === 0 ? String(millis / 1_000) : `${Math.ceil(millis)}m`;

export const toSeconds = (milliseconds: number): number => Math.max(1, Math.ceil(milliseconds / 1_000));
