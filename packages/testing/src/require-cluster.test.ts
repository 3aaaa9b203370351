import { afterEach, describe, expect, it, vi } from "vitest";
import { requireCluster } from "./require-cluster.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

afterEach(() => void vi.unstubAllEnvs());

describe("requireCluster", () => {
  it("says once what is missing and how to get it", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    const empty = temporaryDirectory("nothing");
    for (const name of ["HOME", "PATH", "KUBEBUILDER_ASSETS"]) vi.stubEnv(name, empty);
    vi.stubEnv("PORTOLAN_REQUIRE", "redis");
    expect(requireCluster(1)).toBeUndefined();
    expect(requireCluster(1)).toBeUndefined();
    expect(warn).toHaveBeenCalledExactlyOnceWith(
      expect.stringMatching(
        /^SKIPPED: the test cluster \(level 1\) cannot start: etcd, kube-apiserver, kubectl not found: node test\/cluster\/programs\/build\.ts/,
      ),
    );
  });

  it("fails where the run requires it", () => {
    for (const name of ["HOME", "PATH", "KUBEBUILDER_ASSETS"]) vi.stubEnv(name, temporaryDirectory("nothing"));
    vi.stubEnv("PORTOLAN_REQUIRE", "redis,kubernetes");
    expect(() => requireCluster(2)).toThrow(/kwok not found/);
  });
});
