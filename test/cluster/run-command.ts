import { execFile } from "node:child_process";

/** sbin is not on everybody's PATH; what the nodes run needs it too. */
export const systemEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `/usr/sbin:/sbin:${process.env["PATH"] ?? "/usr/bin:/bin"}`,
};

/** Its output; throws with what it said to standard error. */
export const runCommand = (program: string, args: readonly string[], input?: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { env: systemEnvironment, maxBuffer: 1 << 26 };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${args.join(" ")}: ${stderr.trim() || error.message}`));
    });
    // A program that ends without reading is told by its exit code.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
