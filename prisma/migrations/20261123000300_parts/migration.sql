-- An operation of a chain's part (a channel, …) names the chain as well: its chain's work, lists and end depend on it.
ALTER TABLE "operations" ADD COLUMN "chain_id" TEXT;

CREATE INDEX "operations_chain_id_idx" ON "operations"("chain_id");
