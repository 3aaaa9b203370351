/** A page of rows in the order of ids, newest first. `after`: the id that the former page ended with. */
export interface PageRequest {
  size: number;
  after?: string | undefined;
}

export interface Page<Row> {
  items: Row[];
  /** Null on the last page. */
  next: string | null;
}

/** Cuts `size` rows from `size + 1` that were read. */
export const toPage = <Row>(rows: readonly Row[], size: number, cursorOf: (row: Row) => string): Page<Row> => {
  const items = rows.slice(0, size);
  const last = items.at(-1);
  return { items, next: rows.length > size && last !== undefined ? cursorOf(last) : null };
};

export const idBefore = (page: PageRequest): { lt?: string } => (page.after === undefined ? {} : { lt: page.after });
