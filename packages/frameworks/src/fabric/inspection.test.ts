import { expect, test } from "vitest";
import { afterDays, createKeeper, part, reserve, toSpec } from "../../test/fabric-material.ts";
import { inspection, readInspection } from "./inspection.ts";

test("an organisation that is gone keeps the MSP id of its own choice: with it it signs that it leaves a channel", async () => {
  const keeper = createKeeper();
  const channel = part("channel", "main", {});
  await keeper.pass(toSpec({ organisations: [{ name: "org1" }, { name: "acme", mspId: "Acme.Trading" }] }, [channel]));
  const left = toSpec({ organisations: [{ name: "org1" }] }, [channel]);
  await keeper.pass(left, afterDays(1));
  const found = readInspection(inspection(left, keeper.items(), reserve(left)));
  expect(found?.former).toEqual([
    {
      name: "acme",
      mspId: "Acme.Trading",
      adminPem: keeper.read("admin/acme")["pem"],
      tlsCaPem: keeper.read("tlsca/acme")["pem"],
      peers: [],
    },
  ]);
});

test("an administrator that was made before its MSP id was written down gets it with a next version, once", async () => {
  const keeper = createKeeper();
  const spec = toSpec({ organisations: [{ name: "acme", mspId: "Acme.Trading" }] });
  await keeper.pass(spec);
  const made = keeper.get("admin/acme");
  if (made === undefined) throw new Error("there is no administrator");
  const { mspId: _mspId, ...before } = keeper.read("admin/acme");
  keeper.put({ ...made, public: before as typeof made.public });
  expect((await keeper.pass(spec)).map(({ name, version }) => [name, version])).toEqual([["admin/acme", 2]]);
  expect(keeper.read("admin/acme")["mspId"]).toBe("Acme.Trading");
  expect(await keeper.pass(spec)).toEqual([]);
});
