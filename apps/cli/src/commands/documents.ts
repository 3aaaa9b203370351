import { listAll } from "@portolan/sdk";
import type { Command } from "commander";
import type { Context } from "../context.ts";
import { writeLine } from "../output.ts";
import { collect } from "./apps.ts";

type Open = (command: Command) => Context;

const list = async (context: Context, chain: string): Promise<void> => {
  const client = await context.client();
  const items = await collect(
    listAll((at) => client.documents.list({ params: { chain }, query: at })),
    1_000,
  );
  context.print(items, items, ["name", "mediaType", "title"]);
};

/** The content as it is, so that it can go into a file. */
const get = async (context: Context, chain: string, document: string): Promise<void> => {
  const found = await (await context.client()).documents.get({ params: { chain, document } });
  writeLine(context.screen.out, context.isJson ? JSON.stringify(found) : found.content.replace(/\n$/, ""));
};

export const addDocumentCommands = (program: Command, open: Open): void => {
  const documents = program.command("documents").description("what a developer takes home of a chain");
  documents
    .command("list <chain>")
    .description("connection profiles, certificates and the like")
    .action((chain: string, _: unknown, command: Command) => list(open(command), chain));
  documents
    .command("get <chain> <document>")
    .description("print one, e.g. into a file")
    .action((chain: string, document: string, _: unknown, command: Command) => get(open(command), chain, document));
};
