/** The environment of a started API: any free port, everything below `home`. */
export const makeEnvironment = ({
  home,
  urls,
}: {
  home: string;
  urls: { app: string; system: string };
}): { [name: string]: string } => ({
  PATH: process.env["PATH"] ?? "",
  PORTOLAN_HOME: home,
  PORTOLAN_API_PORT: "0",
  PORTOLAN_APP_DATABASE_URL: urls.app,
  PORTOLAN_SYSTEM_DATABASE_URL: urls.system,
  PORTOLAN_LOG_LEVEL: "debug",
});
