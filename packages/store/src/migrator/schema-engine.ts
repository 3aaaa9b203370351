import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from "@prisma/driver-adapter-utils";
import type { SchemaEngine } from "@prisma/schema-engine-wasm";
import pg from "pg";

/** What we use of it; the compiler's library has it only together with a browser's globals. */
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>;
  instantiate(module: object, imports: Record<string, object>): Promise<{ exports: Record<string, unknown> }>;
};

/** Oid of the type text. */
const textType = 25;

const engineModule = "@prisma/schema-engine-wasm/schema_engine_bg";

type EngineModule = typeof import("@prisma/schema-engine-wasm") & {
  __wbg_set_wasm(exports: Record<string, unknown>): void;
};

let loading: Promise<EngineModule> | undefined;

/**
 * Prisma's schema engine as WebAssembly, on one database. Its package imports the .wasm file as a module, which needs
 * a bundler or a flag; so the module is made by hand, once.
 * The engine can't run our migrations (see `migrate`); it only compares and describes.
 */
export async function withSchemaEngine<T>(url: string, work: (engine: SchemaEngine) => Promise<T>): Promise<T> {
  loading ??= loadEngine();
  const { SchemaEngine: Engine } = await loading;
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  try {
    const adapter = bindMigrationAwareSqlAdapterFactory(openFactory(pool));
    const engine = await Engine.new({ datamodels: undefined }, () => undefined, adapter);
    try {
      return await work(engine);
    } finally {
      engine.free();
    }
  } finally {
    await pool.end();
  }
}

/**
 * The catalog uses Postgres' one-byte type "char", which the adapter (7.10.0) refuses and the engine asks for as a
 * character: its columns pass the adapter as text and are given their right type behind it.
 */
function openFactory(pool: pg.Pool): PrismaPg {
  const characterColumns = new WeakMap<object, number[]>();
  const query = pool.query.bind(pool) as (...parameters: unknown[]) => Promise<pg.QueryResult>;
  const queryAsText = async (...parameters: unknown[]) => {
    const result = await query(...parameters);
    const found = result.fields.flatMap(({ dataTypeID }, index) =>
      dataTypeID === pg.types.builtins.CHAR ? index : [],
    );
    for (const field of result.fields) if (field.dataTypeID === pg.types.builtins.CHAR) field.dataTypeID = textType;
    characterColumns.set(result.rows, found);
    return result;
  };
  Object.assign(pool, { query: queryAsText });
  const factory = new PrismaPg(pool);
  const connect = factory.connect.bind(factory);
  return Object.assign(factory, {
    connect: async () => {
      const adapter = await connect();
      const queryRaw = adapter.queryRaw.bind(adapter);
      adapter.queryRaw = async (parameters) => {
        const result = await queryRaw(parameters);
        // The adapter hands the driver's row array on as it is.
        for (const index of characterColumns.get(result.rows) ?? []) {
          result.columnTypes[index] = ColumnTypeEnum.Character;
        }
        return result;
      };
      return adapter;
    },
  });
}

async function loadEngine(): Promise<EngineModule> {
  // The engine reports its panics to this global, and dies of its absence.
  Object.assign(globalThis, {
    PRISMA_WASM_PANIC_REGISTRY: {
      set_message: (message: string) => {
        throw new Error(`the schema engine gave up: ${message}`);
      },
    },
  });
  const path = createRequire(import.meta.url).resolve(engineModule);
  const glue: EngineModule = await import(engineModule);
  const wasm = await WebAssembly.compile(await readFile(path.replace(/\.js$/, ".wasm")));
  // The wasm file names its imports by this path, whatever the module was called when it was loaded.
  const instance = await WebAssembly.instantiate(wasm, { "./schema_engine_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
  const start = instance.exports["__wbindgen_start"];
  if (typeof start === "function") start();
  return glue;
}
