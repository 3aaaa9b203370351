-- A chain that was made on another plane keeps the number that its framework made things from (an EVM chain's id, say).
ALTER TABLE "chains" ADD COLUMN "origin_serial" BIGINT;
