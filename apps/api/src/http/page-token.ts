import { invalidField } from "./invalid-request.ts";

/** Opaque to clients. It only says where to go on: the tenant always comes from the credential. */
const toPageToken = (cursor: string): string => Buffer.from(cursor).toString("base64url");

const cursorPattern = /^(?:[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}|[1-9][0-9]{0,17})$/;

export const toPageRequest = (query: {
  pageSize: number;
  pageToken?: string | undefined;
}): { size: number; after?: string } => {
  if (query.pageToken === undefined) return { size: query.pageSize };
  const after = Buffer.from(query.pageToken, "base64url").toString("utf8");
  if (!cursorPattern.test(after)) throw invalidField("query.pageToken", "invalid", "is not a token that a list gave");
  return { size: query.pageSize, after };
};

/** As `toPageRequest`, for lists in the order of ids with this prefix, or (`number`) of a count. */
export const toPageRequestOf = (
  kind: string | "number",
  query: { pageSize: number; pageToken?: string | undefined },
): { size: number; after?: string } => {
  const page = toPageRequest(query);
  const isNumber = page.after !== undefined && /^\d/.test(page.after);
  if (page.after === undefined || (kind === "number" ? isNumber : page.after.startsWith(`${kind}_`))) return page;
  throw invalidField("query.pageToken", "invalid", "is a token of another list");
};

export const presentPage = <Row, Item>(
  page: { items: readonly Row[]; next: string | null },
  present: (row: Row) => Item,
): { items: Item[]; nextPageToken: string | null } => ({
  items: page.items.map(present),
  nextPageToken: page.next === null ? null : toPageToken(page.next),
});

/** A page of a short list that is in memory; the token is the index it goes on at. */
export const pageOfList = <Item>(
  list: readonly Item[],
  query: { pageSize: number; pageToken?: string | undefined },
): { items: Item[]; nextPageToken: string | null } => {
  const { size, after } = toPageRequestOf("number", query);
  const start = Number(after ?? 0);
  const end = start + size;
  return { items: list.slice(start, end), nextPageToken: end < list.length ? toPageToken(String(end)) : null };
};
