import type { OperationId } from "./api.ts";
import { partDescriptions } from "./resources/parts.ts";

/** What the documentation says of each operation besides its summary: what to send, what comes of it, what it is not. */
export const operationDescriptions = {
  "signup.create":
    "The user becomes the owner of the new tenant, and the answer signs them in: send its `token` as `Authorization: Bearer`. The portal's policy judges the country first, and the verdict is kept.",
  "sessions.create":
    "The answer's `token` is good for 15 minutes; its `refreshToken` gets the next one. Without `tenant` the session is in the first tenant that the user is a member of.",
  "sessions.refresh":
    "A refresh token works once. One that comes back after it was used is in two hands, so it ends the whole session.",
  "sessions.deleteCurrent": "For sessions only: a service account is ended by revoking it.",
  "me.get": "The principal, its role and tenant, and the permissions that the role has.",
  "me.tenants": "A session is in one tenant; sign in with `tenant` to work in another one of these.",
  "serviceAccounts.create":
    "For programs: its secret (`pts_…`) is sent as `Authorization: Bearer` and does not end after 15 minutes. Nobody can give it more than their own role has.",
  "serviceAccounts.list": "Newest first, revoked ones too; never a secret.",
  "serviceAccounts.get": "Everything but its secret, which was shown once.",
  "serviceAccounts.rotate": "The answer shows the new secret, once.",
  "serviceAccounts.revoke": "Its secret is refused within seconds. This can't be undone.",
  "apps.create": "Chains and keys belong to an app, and each app has a bill of its own.",
  "apps.list": "Closed ones too. Follow `nextPageToken` until it is null.",
  "apps.get": "The answer's ETag is what `If-Match` of a change takes.",
  "apps.update": "With `If-Match` only the version that was read is changed; otherwise 412.",
  "apps.close": "Delete its chains first. This can't be undone.",
  "keys.create":
    "Calls through the gateway carry the secret (`ptl_…`) as `x-api-key`, as `Authorization: Bearer` or as the last part of the URL. `rpc:dev` adds the development methods on plans that have them; it does not include `rpc`.",
  "keys.list": "Revoked ones too; never a secret, only the first characters of it.",
  "keys.revoke": "This can't be undone: make a new key first where calls must go on.",
  "registries.set":
    "For images of one's own (chaincode by image) that not everybody may pull. The password is sealed and never shown again; a token that may only pull is best. It goes to the namespaces where such images of this app's chains run, and nowhere else, and only for the registries that their names begin with. Setting another one is followed without a restart. The registry must be one that the operator allows.",
  "registries.list": "Last written first; never a password.",
  "registries.get": "Everything but the password.",
  "registries.remove":
    "It is taken away where it was laid. What runs goes on; what is to be pulled again must be one that anybody may pull.",
  "frameworks.list": "With the JSON Schema of each framework's `settings`, each of them described.",
  "regions.list": "Where chains can stand, in which jurisdiction, and who operates it.",
  "plans.list": "Limits, recovery window and price of each plan, in the currency of the tenant's portal.",
  "chains.quote":
    "Takes the same body as creating a chain and asks the same questions: policy, quota, price, nodes. It reserves nothing and binds nobody.",
  "chains.create":
    "Answers at once with an operation; follow it at `GET /v1/operations/{operation}?wait=20` until it is `done`. `target.id` is the chain's id from the start.",
  "chains.list": "Of the whole tenant, or of one app with `appId`.",
  "chains.get":
    "`phase` is the summary, `conditions` the reasons, `endpoints` where to call it. The ETag is what `If-Match` of a change takes: it changes with each wish.",
  "chains.update":
    "`settings` is a JSON Merge Patch: members that are given replace those that the chain has, null takes one back to its default, and the others stay. Policy and quota are asked as for a new chain; a cancel goes back to what it was, but not to a version that its nodes have left for good. `version` is an upgrade: one that `GET /v1/frameworks` lists among the present version's `upgradesTo`. `plan` gives its nodes other processors, memory and storage; storage is never made smaller, and larger only where every region of the chain can (`hasStorageExpansion`).",
  "chains.quoteUpdate": "Takes the body of the change and asks the same questions. It reserves nothing.",
  "chains.pause":
    "An operation: calls are refused from now on and the nodes stop. Compute is no longer counted; storage is.",
  "chains.resume": "An operation: the nodes start again on the data that they had.",
  "chains.delete":
    "An operation. Plans with a recovery window keep the data until `purgeAt`; without one it is gone at the operation's end.",
  "chains.restore":
    "An operation. `{}` brings a deleted chain back as it was, until its `purgeAt`; policy and quota are asked again. With `backup` the chain, deleted or not, gets the data of that backup in place of its own and runs on it: same id, same addresses, settings and parts as they are wished today, keys and certificates as they are today. Every file is checked before the first is replaced; a damaged backup leaves all as it was. From then on it can't be cancelled.",
  "chains.export":
    "A small document: what the backup is, in the open, and sealed with a key from `passphrase` the settings, parts, addresses and every key that the plane holds, as they are now. Whoever has it and the pass phrase has the chain's keys: keep them apart. The data is not in it: bring the backup's directory of the store along. Each call makes a new document, with an `Idempotency-Key` too; none is kept, and a lost pass phrase can't be had again.",
  "chains.import":
    "An operation. Policy, quota and price are those of a creation. The chain keeps its id, its placements' ids and its nodes' addresses, because certificates and configuration name them: it can't be imported where it is already, nor where one of its ports is taken (`address.taken`). Every file of the backup is checked by the digests of the document (`backup.missing`, `backup.damaged`). An operation that fails leaves nothing, and may be asked for anew. Keys of apps don't come along.",
  "chains.nodes":
    "State, health and height of each node as the region's worker told them last; empty before the first. One that a change took away stays in it, as `absent`.",
  "chains.logs":
    "The answer waits for the region a few seconds; 503 `region.unreachable` when none comes. Secrets are taken out.",
  "chains.events": "Conditions that changed, steps that ended or failed.",
  ...partDescriptions,
  "backups.create":
    "An operation. All nodes of the chain stop, in every region, before the first byte is copied, and start again after the last: calls get 503 with a hint meanwhile. A paused chain stays paused. In it is what the nodes keep on their volumes; keys and certificates stay with the plane, so a backup serves its own chain until that is purged.",
  "backups.list": "The one that an operation takes has its `operationId`.",
  "backups.get": "Only one that is `ready` can be restored; `failed` has the reason and holds nothing.",
  "backups.delete": "Its files go from the store some seconds later. This can't be undone.",
  "documents.list":
    "Connection profiles, certificates and the like, as the chain's framework offers them; nothing secret.",
  "documents.get": "`content` is the file's text, `mediaType` what it is.",
  "operations.list": "Of the whole tenant, or of one chain and its parts with `chainId`.",
  "operations.get": "Ask with `wait=20` again and again until `done` is true; then `state` tells how it ended.",
  "operations.events": "Each event's data is the whole operation, so that one missed is no loss.",
  "operations.cancel": "The operation's id stays the same: it is done when what it had made is gone again.",
  "operations.retry": "The worker tries by itself too, ever more seldom; this is for when the cause is mended.",
  "usage.get":
    "Of what is metered, with sums by any of chain, method, key, region, hour and day. The bill is computed from the same rows.",
  "requests.list": "For looking at what went wrong; it is not what is billed. Parameters and answers are never kept.",
  "bills.get":
    "Each line has quantity, unit price and price version, and the path of the usage that it sums up, so that anybody can compute it again.",
  "audit.list": "Each row carries a hash chained to the former one, so that a change afterwards shows.",
  "decisions.list": "Each verdict has what was judged, the rules that spoke, and the version of the policy.",
} as const satisfies { readonly [operationId in OperationId]: string };
