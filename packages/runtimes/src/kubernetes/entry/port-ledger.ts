import { DomainError } from "@portolan/domain";
import { createTurns } from "../cache/turns.ts";
import { isStatus } from "../client/kube-error.ts";
import type { KubeObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import type { KubeObjects } from "../client/objects.ts";
import { isWithin, type PortRange, toNumbers } from "../settings.ts";
import { entryLabels, entryNames } from "./names.ts";

/** Number → `namespace/node/port`. One object for the region: two that take a number at once can't take the same. */
interface LedgerObject extends KubeObject {
  data?: { [number: string]: string };
}

const mostTries = 20;

export interface PortOwner {
  /** The placement's. */
  namespace: string;
  node: string;
  port: string;
}

const toText = ({ namespace, node, port }: PortOwner): string => `${namespace}/${node}/${port}`;
const fromText = (text: string): PortOwner => {
  const [namespace = "", node = "", port = ""] = text.split("/");
  return { namespace, node, port };
};

const toFull = ({ first, count }: PortRange): DomainError =>
  new DomainError({
    code: "runtime.failed",
    message: "The region's entry has no port number left for callers from outside.",
    hint: `All ${count} from ${first} are taken: the region's operator gives it more (--entry-ports).`,
    retryable: true,
  });

/** What is written where (null: taken away), and what is answered then. */
type Change<T> = (data: { readonly [number: string]: string }) => {
  data: { [number: string]: string | null };
  result: T;
};

export type PortLedger = ReturnType<typeof createPortLedger>;

/** Which of the entry's numbers is whose: written into the cluster, so that a number stays its owner's. */
export const createPortLedger = (deps: {
  objects: Pick<KubeObjects, "get" | "create" | "patch">;
  namespace: string;
}) => {
  const { objects, namespace } = deps;
  // Of this process one at a time; against others it is tried again.
  const turns = createTurns();

  const read = async (): Promise<LedgerObject | undefined> =>
    objects.get<LedgerObject>(kinds.ConfigMap, namespace, entryNames.ports);

  const make = async (): Promise<void> => {
    const metadata = { name: entryNames.ports, namespace, labels: { ...entryLabels } };
    const body = { apiVersion: "v1", kind: "ConfigMap", metadata };
    await objects.create(kinds.ConfigMap, namespace, body).catch((error: unknown) => {
      if (!isStatus(error, 409)) throw error;
    });
  };

  /** Puts what `change` wants into the version that it saw; once more where others were quicker. */
  const write = async <T>(change: Change<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      const found = await read();
      const { data, result } = change(found?.data ?? {});
      if (Object.keys(data).length === 0) return result;
      if (found === undefined) {
        await make();
        continue;
      }
      const { resourceVersion } = found.metadata;
      try {
        await objects.patch(kinds.ConfigMap, namespace, entryNames.ports, { metadata: { resourceVersion }, data });
        return result;
      } catch (error) {
        if (!(isStatus(error, 409) || isStatus(error, 404)) || attempt >= mostTries) throw error;
      }
    }
  };

  const change = <T>(wanted: Change<T>): Promise<T> => turns.enter(namespace, () => write(wanted));

  return {
    /**
     * The number that is this port's, from now on where it had none: none of `routed`, to which others' callers still
     * come. Throws where all are taken.
     */
    take: (owner: PortOwner, range: PortRange, routed: ReadonlySet<number> = new Set()): Promise<number> =>
      change((data) => {
        const text = toText(owner);
        const own = Object.keys(data).find((number) => data[number] === text);
        if (own !== undefined && isWithin(range, Number(own))) return { data: {}, result: Number(own) };
        const free = toNumbers(range).find((number) => data[String(number)] === undefined && !routed.has(number));
        if (free === undefined) throw toFull(range);
        // A range that was moved leaves nobody with two.
        return { data: { ...(own === undefined ? {} : { [own]: null }), [String(free)]: text }, result: free };
      }),

    /** Gives back what is a placement's: all, or what is of no node of these. */
    release: (placement: string, nodes: ReadonlySet<string> = new Set()): Promise<void> =>
      change((data) => {
        const doomed = Object.entries(data).filter(([, text]) => {
          const owner = fromText(text);
          return owner.namespace === placement && !nodes.has(owner.node);
        });
        return { data: Object.fromEntries(doomed.map(([number]) => [number, null])), result: undefined };
      }),

    /** Namespaces of placements with numbers. */
    placements: async (): Promise<ReadonlySet<string>> =>
      new Set(Object.values((await read())?.data ?? {}).map((text) => fromText(text).namespace)),
  };
};
