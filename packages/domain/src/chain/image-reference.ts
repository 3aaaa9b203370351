/** A container image, as a tenant names it. */
export interface ImageReference {
  /** Host with its port where it has one: never left to be guessed, so that it is known whom a cluster asks. */
  registry: string;
  repository: string;
  tag?: string;
  /** `sha256:` and 64 hex digits: what is pulled is one thing for ever. */
  digest?: string;
}

/** Characters of a whole reference. */
export const maxImageReference = 512;
/** Characters of a registry's host and port. */
const maxRegistryHost = 255;
const maxRepository = 255;

const hostForm = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?::[0-9]{1,5})?$/;
const repositoryForm = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*$/;
const tagForm = /^\w[\w.-]{0,127}$/;
const digestForm = /^sha256:[0-9a-f]{64}$/;

/** Whether it names a registry: a host name in lower case (or an IPv4 address) with a dot or a port in it. */
export const isRegistryHost = (text: string): boolean =>
  text.length <= maxRegistryHost && hostForm.test(text) && /[.:]/.test(text);

const cut = (text: string, at: number): [string, string | undefined] =>
  at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];

/**
 * `registry/name[:tag][@sha256:…]` (the grammar of the distribution project, github.com/distribution/reference, without
 * its short forms and with no other digest than SHA-256). Null: it is none.
 */
export const parseImageReference = (text: string): ImageReference | null => {
  if (text.length > maxImageReference) return null;
  const [named, digest] = cut(text, text.indexOf("@"));
  const [registry, path] = cut(named, named.indexOf("/"));
  if (path === undefined || !isRegistryHost(registry)) return null;
  const [repository, tag] = cut(path, path.indexOf(":"));
  if (repository.length > maxRepository || !repositoryForm.test(repository)) return null;
  if ((tag !== undefined && !tagForm.test(tag)) || (digest !== undefined && !digestForm.test(digest))) return null;
  return { registry, repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
};
