-- What a chain's wish reserves, so that a quota is one sum.
ALTER TABLE "chains" ADD COLUMN "node_count" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN "storage_bytes" BIGINT NOT NULL DEFAULT 0;
