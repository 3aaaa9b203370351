const decimal = /^\d+$/;

/** Whether `a` is newer than `b`. Versions are growing decimal numbers of any length; other texts compare as text. */
export const isNewer = (a: string, b: string): boolean => {
  if (!decimal.test(a) || !decimal.test(b)) return a > b;
  const left = a.replace(/^0+/, "");
  const right = b.replace(/^0+/, "");
  return left.length === right.length ? left > right : left.length > right.length;
};
