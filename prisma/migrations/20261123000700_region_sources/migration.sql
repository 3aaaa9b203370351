-- Whose regions file a region is from, and what keeps it from being worked on.
ALTER TABLE "regions" ADD COLUMN "source" TEXT;
ALTER TABLE "regions" ADD COLUMN "problem" JSONB;
