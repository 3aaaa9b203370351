import { expect, test } from "vitest";
import { parseMetrics } from "./metrics.ts";

const text = `# HELP ledger_blockchain_height Height of the chain in blocks.
# TYPE ledger_blockchain_height gauge
ledger_blockchain_height{channel="main"} 12
ledger_blockchain_height{channel="odd\\"na\\\\me"} 3
ledger_blockchain_height_total{channel="main"} 99
ledger_transaction_count{chaincode="_lifecycle",channel="main",transaction_type="ENDORSER_TRANSACTION",validation_code="VALID"} 1.5e+01
participation_status{channel="main"} 1 1700000000000
plain 7
ledger_blockchain_height{channel="broken"} twelve
`;

test("wanted metrics come with their labels, others and what can't be read do not", () => {
  const wanted = new Set(["ledger_blockchain_height", "ledger_transaction_count", "participation_status", "plain"]);
  const metrics = parseMetrics(text, wanted);
  expect(metrics.get("ledger_blockchain_height")).toEqual([
    { labels: { channel: "main" }, value: 12 },
    { labels: { channel: 'odd"na\\me' }, value: 3 },
  ]);
  expect(metrics.get("ledger_transaction_count")?.[0]).toEqual({
    labels: {
      chaincode: "_lifecycle",
      channel: "main",
      transaction_type: "ENDORSER_TRANSACTION",
      validation_code: "VALID",
    },
    value: 15,
  });
  expect(metrics.get("participation_status")?.[0]?.value).toBe(1);
  expect(metrics.get("plain")).toEqual([{ labels: {}, value: 7 }]);
  expect(metrics.has("ledger_blockchain_height_total")).toBe(false);
});
