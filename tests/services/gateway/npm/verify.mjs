// Reads {secret, headers, body} from standard input, and says of the libraries of two houses whether each takes the message for ours.
import { readFileSync } from "node:fs";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";

const { secret, headers, body } = JSON.parse(readFileSync(0, "utf8"));
const verdicts = await Promise.all(
  [StandardWebhook, SvixWebhook].map(async (Webhook) => {
    try {
      await new Webhook(secret).verify(body, headers);
      return "verified";
    } catch (error) {
      return error.message;
    }
  }),
);
console.log(JSON.stringify(verdicts));
