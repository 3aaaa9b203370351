import { isStatus, isUncertain } from "../client/kube-error.ts";
import type { KubeMeta, KubeObject } from "../client/kube-object.ts";
import { kinds } from "../client/kube-paths.ts";
import { fieldManager } from "../client/objects.ts";
import type { WriteTurn } from "../context.ts";

interface FieldsEntry {
  manager?: string;
  operation?: string;
  subresource?: string;
  fieldsV1?: { [field: string]: { [field: string]: unknown } };
}

type WithFields = KubeObject & { metadata: KubeMeta & { managedFields?: readonly FieldsEntry[] } };

const mostTries = 5;

/** What the API server writes down of the writer of a created object; of one that scaled it there is no template. */
const isOfCreation = ({ manager, operation, subresource, fieldsV1 }: FieldsEntry): boolean =>
  manager === fieldManager &&
  operation === "Update" &&
  (subresource ?? "") === "" &&
  fieldsV1?.["f:spec"]?.["f:template"] !== undefined;

/**
 * Makes what was created count as applied. A field that a creation owns stays when a later apply leaves it out; and two
 * owners of one name are two.
 */
const ownAsApplied = async (turn: WriteTurn, object: WithFields): Promise<KubeObject | undefined> => {
  const { name } = object.metadata;
  let now: WithFields | undefined = object;
  for (let attempt = 0; now !== undefined; attempt++) {
    const { managedFields = [], resourceVersion } = now.metadata;
    if (!managedFields.some(isOfCreation)) return now;
    const fields = managedFields.map((entry) => (isOfCreation(entry) ? { ...entry, operation: "Apply" } : entry));
    try {
      const body = { metadata: { resourceVersion, managedFields: fields } };
      return await turn.objects.patch<KubeObject>(kinds.StatefulSet, turn.namespace, name, body);
    } catch (error) {
      if (!(isStatus(error, 404, 409) || isUncertain(error)) || attempt >= mostTries) throw error;
      now = await turn.objects.get<WithFields>(kinds.StatefulSet, turn.namespace, name);
    }
  }
  return undefined;
};

/**
 * The stateful set as it is, to be written on top of; `undefined`: there is none. To be asked for before the fence is
 * looked at: what others write after that is then a conflict. `isApplied`: it is known that its fields are owned by an
 * apply; else somebody may have died between its creation and that.
 */
export const seeSet = async (turn: WriteTurn, name: string, isApplied: boolean): Promise<KubeObject | undefined> => {
  const known = turn.cache.find(kinds.StatefulSet, turn.namespace, name);
  if (known === undefined || isApplied) return known;
  const found = await turn.objects.get<WithFields>(kinds.StatefulSet, turn.namespace, name);
  if (!found?.metadata.managedFields?.some(isOfCreation)) return found;
  await turn.step(`StatefulSet.${name}.own`);
  return ownAsApplied(turn, found);
};

/**
 * Writes a stateful set over the version that was seen, or where none was: refused (409) where there is another by now.
 * An apply alone would be either, so a writer that slept through its lease could start, or turn back, what its successor
 * has stopped or changed.
 */
export const applySet = async (
  turn: WriteTurn,
  manifest: KubeObject,
  seen: KubeObject | undefined,
): Promise<KubeObject> => {
  if (seen === undefined) {
    const made = await turn.objects.create<WithFields>(kinds.StatefulSet, turn.namespace, manifest);
    return (await ownAsApplied(turn, made)) ?? made;
  }
  const { resourceVersion = "" } = seen.metadata;
  return turn.objects.apply<KubeObject>({ ...manifest, metadata: { ...manifest.metadata, resourceVersion } });
};
