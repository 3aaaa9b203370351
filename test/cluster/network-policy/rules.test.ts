import { describe, expect, it } from "vitest";
import { type Policy, type PolicyPod, type PolicyState, toRules } from "./rules.ts";

const pod = (name: string, address: string, labels: Record<string, string>, namespace = "shop"): PolicyPod => ({
  metadata: { name, uid: name, namespace, labels },
  spec: { nodeName: "node0", containers: [{ ports: [{ name: "web", containerPort: 8080 }] }] },
  status: { podIP: address, phase: "Running" },
});
const policy = (spec: Policy["spec"], namespace = "shop"): Policy => ({
  metadata: { name: "policy", uid: "policy", namespace },
  spec,
});
const state = (...policies: Policy[]): PolicyState => ({
  pods: [
    pod("front", "10.244.0.2", { app: "front" }),
    pod("back", "10.244.0.3", { app: "back" }),
    pod("guest", "10.244.0.4", { app: "guest" }, "other"),
  ],
  namespaces: ["shop", "other"].map((name) => ({ metadata: { name, uid: name, labels: { name } } })),
  policies,
});
/** What a chain says before it drops. */
const chain = (rules: string, name: string): string[] | undefined =>
  new RegExp(`chain ${name} \\{\\n([\\s\\S]*?)\\n {4}drop\\n`)
    .exec(rules)?.[1]
    ?.split("\n")
    .map((line) => line.trim())
    .slice(1);

describe("toRules", () => {
  it("leaves a pod alone that no policy selects", () => {
    const rules = toRules(state(policy({ podSelector: { matchLabels: { app: "back" } } })), "node0");
    expect(chain(rules, "in_10_244_0_2")).toBeUndefined();
    expect(rules).not.toContain("jump out_");
    expect(rules).toContain("ip daddr 10.244.0.3 jump in_10_244_0_3");
  });

  it("drops everything both ways where a policy names both directions and no rule", () => {
    const rules = toRules(state(policy({ policyTypes: ["Ingress", "Egress"] })), "node0");
    for (const name of ["in_10_244_0_2", "out_10_244_0_2", "in_10_244_0_3"]) expect(chain(rules, name)).toEqual([]);
    expect(chain(rules, "in_10_244_0_4")).toBeUndefined();
  });

  it("lets in the named pods at the named ports", () => {
    const from = [{ podSelector: { matchLabels: { app: "front" } } }];
    const ingress = [{ from, ports: [{ port: "web" }, { port: 9000, endPort: 9010, protocol: "UDP" }] }];
    const rules = toRules(state(policy({ podSelector: { matchLabels: { app: "back" } }, ingress })), "node0");
    expect(chain(rules, "in_10_244_0_3")).toEqual([
      "ip saddr 10.244.0.2 tcp dport 8080 return",
      "ip saddr 10.244.0.2 udp dport 9000-9010 return",
    ]);
  });

  it("reads blocks with exceptions, namespaces, and both selectors together", () => {
    const egress = [
      { to: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["10.0.0.0/8"] } }, { ipBlock: { cidr: "::/0" } }] },
      {
        to: [{ namespaceSelector: { matchLabels: { name: "other" } }, podSelector: { matchLabels: { app: "guest" } } }],
      },
      {
        to: [{ namespaceSelector: { matchLabels: { name: "other" } }, podSelector: { matchLabels: { app: "none" } } }],
      },
    ];
    const rules = toRules(state(policy({ podSelector: { matchLabels: { app: "front" } }, egress })), "node0");
    expect(chain(rules, "out_10_244_0_2")?.map((line) => line.replace(/ +/g, " "))).toEqual([
      "ip daddr 0.0.0.0/0 ip daddr != { 10.0.0.0/8 } return",
      "ip daddr 10.244.0.4 return",
    ]);
    // Without policyTypes a policy with rules for leaving speaks of coming in too.
    expect(chain(rules, "in_10_244_0_2")).toEqual([]);
  });

  it("speaks of the pods of its node only, and of none that is over", () => {
    const all = state(policy({}));
    expect(toRules(all, "node1")).not.toContain("jump");
    const over = { ...all, pods: all.pods.map((each) => ({ ...each, status: { ...each.status, phase: "Failed" } })) };
    expect(toRules(over, "node0")).not.toContain("jump");
  });
});
