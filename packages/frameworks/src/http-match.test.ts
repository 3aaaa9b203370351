import { describe, expect, it } from "vitest";
import { matchHttp } from "./http-match.ts";
import { createHttpRpcPolicy, type HttpProtocol } from "./http-policy.ts";

const text = (source: string) => ({ value: { kind: "text" as const, pattern: new RegExp(`^(?:${source})$`) } });

const protocol: HttpProtocol = {
  routes: [
    {
      name: "things",
      verb: "GET",
      path: "/things/{place}/{thing}",
      weight: 10,
      query: { all: text("|true"), of: { ...text("\\w+=?"), maxTimes: 2 } },
    },
    { name: "things_put", verb: "POST", path: "/things/{place}/{thing}", weight: 30, isWrite: true, maxBodyBytes: 100 },
    { name: "known", verb: "GET", path: "/things/{place}/known/part", weight: 0 },
  ],
  values: {
    place: { kind: "alias", names: ["here"], fact: "place", canonical: "here" },
    thing: { kind: "text", pattern: /^[a-z]{1,5}(?:~\d)?$/ },
  },
  refused: [
    { path: /^\/secret(?:\/|$)/, reason: "it is secret" },
    { verbs: ["DELETE"], path: /^\/things\//, reason: "things stay" },
  ],
  maxAnswerBytes: 1_000,
  faultStatuses: [502],
  maxStreams: { perKey: 1, perChain: 1 },
};

const facts = { place: "NetX1", other: "elsewhere" };
const ask = (target: string, verb = "GET") => matchHttp(protocol, verb, target, facts);

describe("matchHttp", () => {
  it("finds a route and makes the node's path anew, with one name for a thing that has several", () => {
    expect(ask("/things/here/abc~2")).toMatchObject({ kind: "route", target: "/things/here/abc~2", query: {} });
    expect(ask("/things/NetX1/abc?")).toMatchObject({ route: { name: "things" }, target: "/things/here/abc" });
    expect(ask("/things/here/abc", "POST")).toMatchObject({ route: { name: "things_put" } });
  });

  it.each([
    ["a relative part", "/things/here/../secret"],
    ["a relative part at the end", "/things/here/.."],
    ["the same place", "/things/./here/abc"],
    ["a doubled slash", "/things//here/abc"],
    ["a doubled slash at the start", "//things/here/abc"],
    ["a final slash", "/things/here/abc/"],
    ["an encoded slash", "/things/here%2Fabc/x"],
    ["an encoded letter", "/things/here/%61bc"],
    ["an encoded dot", "/things/here/%2e%2e"],
    ["a backslash", "/things\\here\\abc"],
    ["a space", "/things/here/a b"],
    ["a line end", "/things/here/a\r\nx"],
    ["a nul", "/things/here/a\0"],
    ["a fragment", "/things/here/abc#x"],
    ["a parameter of a segment", "/things/here;x=1/abc"],
    ["letters beyond ASCII", "/things/here/äb"],
    ["no slash at the start", "things/here/abc"],
    ["nothing", ""],
    ["too many parts", `/things${"/a".repeat(20)}`],
    ["too much", `/things/here/abc?of=${"a".repeat(3_000)}`],
    ["a value that has not the form", "/things/here/ABC"],
    ["a place of others", "/things/elsewhere/abc"],
    ["an empty fact", "/things/toString/abc"],
  ])("refuses %s as malformed", (_what, target) => {
    expect(ask(target)).toMatchObject({ kind: "malformed" });
  });

  it("takes only the parameters of the route, each as often as it may stand, and writes them anew", () => {
    expect(ask("/things/here/abc?all&of=x%3D&of=z")).toMatchObject({
      target: "/things/here/abc?all&of=x%3D&of=z",
      query: { all: [""], of: ["x=", "z"] },
    });
    expect(ask("/things/here/abc?a%6Cl=true")).toMatchObject({ target: "/things/here/abc?all=true" });
    for (const query of [
      ...[
        "other=1",
        "of=a&of=b&of=c",
        "all=perhaps",
        "all=%",
        "all=true&all",
        "__proto__=1",
        "&",
        "=",
        "of=a%26other=1",
      ],
      Array.from({ length: 40 }, () => "of=a").join("&"),
    ])
      expect([query, ask(`/things/here/abc?${query}`)]).toMatchObject([query, { kind: "malformed" }]);
    expect(ask("/things/here/known/part?all")).toMatchObject({ hint: "It takes no parameters." });
  });

  it("says why something is not for callers, and what another verb would do", () => {
    expect(ask("/secret/of/all")).toEqual({ kind: "refused", reason: "it is secret" });
    expect(ask("/secretive")).toEqual({ kind: "refused", reason: "the path is not known" });
    expect(ask("/things/here/abc", "DELETE")).toEqual({ kind: "refused", reason: "things stay" });
    expect(ask("/things/here/abc", "PUT")).toEqual({ kind: "verb", verbs: ["GET", "POST"] });
    expect(ask("/things/here/known/part", "POST")).toEqual({ kind: "verb", verbs: ["GET"] });
    expect(ask("/things/here/abc", "get")).toEqual({ kind: "verb", verbs: ["GET", "POST"] });
  });
});

describe("createHttpRpcPolicy", () => {
  it("has the routes' weights by their names, and nothing else", () => {
    const policy = createHttpRpcPolicy(protocol, { timeoutMs: 5 });
    expect(policy.verdict("things_put", "dev")).toEqual({ kind: "forward", weight: 30, isWrite: true, scope: "rpc" });
    expect(policy.verdict("known", "dev")).toMatchObject({ weight: 0, isWrite: false });
    expect(policy.verdict("toString", "dev")).toMatchObject({ kind: "deny" });
    expect(policy).toMatchObject({ maxBodyBytes: 100, timeoutMs: 5 });
  });
});
