import { defineConfig } from "prisma/config";

// The CLI downloads a native schema engine even for `generate`, which does not use it: any existing program will do.
// Never run `prisma migrate` this way (it reports success and does nothing); see packages/store/README.md.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

export default defineConfig({ schema: "prisma/schema.prisma" });
