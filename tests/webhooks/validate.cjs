// Lets Pusher's library for Node judge webhooks: one as JSON on each line, `true` or `false` on each line back.
const { createRequire } = require("node:module")
const { createInterface } = require("node:readline")

const Pusher = createRequire(process.argv[2])("pusher")

createInterface({ input: process.stdin }).on("line", (line) => {
  const { key, secret, headers, body } = JSON.parse(line)
  const pusher = new Pusher({ appId: "1", key, secret, host: "127.0.0.1" })
  const webhook = pusher.webhook({ headers, rawBody: Buffer.from(body, "base64").toString("utf8") })
  console.log(webhook.isValid() && webhook.getEvents().length > 0 && !Number.isNaN(webhook.getTime().getTime()))
})
