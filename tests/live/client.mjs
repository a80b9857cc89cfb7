// The real npm client, led by lines of JSON on stdin; what it shows goes to stdout as lines of JSON.
// RUFAA_URL: the server. EXPECT_AUTH: say nothing before somebody has signed in. Logs of the client are told as {"log": …}, so that a test can see what it complained of.
import { createInterface } from "node:readline";
import { ConvexClient } from "convex/browser";
import { anyApi } from "convex/server";

const tell = (event) => process.stdout.write(JSON.stringify(event) + "\n");
const log = (...words) => tell({ log: words.map(String).join(" ") });
const logger = { logVerbose: () => {}, log, warn: log, error: log };
process.on("uncaughtException", (error) => tell({ crashed: String(error.stack) }));

const client = new ConvexClient(process.env.RUFAA_URL, {
  logger, skipConvexDeploymentUrlCheck: true, expectAuth: Boolean(process.env.EXPECT_AUTH),
});
const named = (name) => name.split(/[:/]/).reduce((api, part) => api[part], anyApi);
const failure = (error) => ({ message: error.message, ...(error.data === undefined ? {} : { data: error.data }) });
const watches = new Map();
let tokens = [];

const doing = {
  watch({ id, name, args }) {
    const stop = client.onUpdate(
      named(name), args, (value) => tell({ watch: id, value }), (error) => tell({ watch: id, error: failure(error) }),
    );
    watches.set(id, stop);
  },
  unwatch({ id }) {
    watches.get(id)();
  },
  mutate({ id, name, args }) {
    client.mutation(named(name), args).then(
      (value) => tell({ done: id, value: value === undefined ? null : value }),
      (error) => tell({ done: id, error: failure(error) }),
    );
  },
  act({ id, name, args }) {
    client.action(named(name), args).then(
      (value) => tell({ done: id, value }), (error) => tell({ done: id, error: failure(error) }),
    );
  },
  // each fetch takes the next token; the last one stays
  auth({ tokens: given }) {
    tokens = given;
    client.setAuth(
      async ({ forceRefreshToken }) => {
        tell({ fetched: forceRefreshToken });
        return tokens.length > 1 ? tokens.shift() : tokens[0];
      },
      (isAuthenticated) => tell({ auth: isAuthenticated }),
    );
  },
  async end() {
    await client.close();
    process.exit(0);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  await doing[command.do](command);
}
