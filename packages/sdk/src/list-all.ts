interface Page<Item> {
  items: readonly Item[];
  nextPageToken: string | null;
}

/** Everything of a list, page by page: `listAll((pageToken) => client.apps.list({ query: { pageToken } }))`. */
export async function* listAll<Item>(
  load: (position: { pageToken?: string }) => Promise<Page<Item>>,
): AsyncGenerator<Item, void, undefined> {
  let position: { pageToken?: string } = {};
  for (;;) {
    const page = await load(position);
    yield* page.items;
    if (page.nextPageToken === null) return;
    position = { pageToken: page.nextPageToken };
  }
}
