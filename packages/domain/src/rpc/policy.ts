/**
 * What a gateway does with one method (JSON-RPC, gRPC, or a route of REST). Weights are integer tenths of a compute unit (dCU), the unit that
 * usage is counted in: 10 dCU = 1 CU.
 */
export type MethodVerdict =
  | {
      kind: "forward";
      /** What it counts against the key's rate, and, without a `sku`, what is billed. */
      weight: number;
      isWrite: boolean;
      scope: "rpc" | "rpc:dev";
      bound?: string;
      /** Billed one by one under this name instead of by weight. */
      sku?: string;
    }
  /** Answered by the gateway itself, metered as `synthetic` at 0. */
  | { kind: "synthetic"; answer: "emptyList" | "modules" }
  /** `hint`: what to do instead, where the policy knows. */
  | { kind: "deny"; reason: string; hint?: string };

/** Method classes, weights and bounds of a framework's JSON-RPC, one table. Unknown names are denied. */
export interface RpcPolicy {
  /** `plan` decides whether development methods exist at all. */
  verdict(method: string, plan: string): MethodVerdict;
  /**
   * Looks at the parameters of a method whose verdict names a `bound`. `null`: fine. Called with parsed params.
   */
  check(bound: string, params: unknown): { message: string; hint: string } | null;
  /** Extra weight in dCU that depends on parameters (block ranges). 0 when none. */
  surcharge(method: string, params: unknown): number;
  /** Whether `check` or `surcharge` looks at this method's parameters. Absent: they are parsed for every method. */
  readsParams?(method: string): boolean;
  maxBatch: number;
  maxBodyBytes: number;
  timeoutMs: number;
}
