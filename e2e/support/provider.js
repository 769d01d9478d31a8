// An identity provider: each visitor counts as logged in and is redirected back at once.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { createServer } from "node:http";

import { cleanup } from "./cleanup.js";

const text = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Starts one on a free port; `person` has the claims of who is logged in there. */
export async function startProvider(t, clientId, person) {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = { ...publicKey.export({ format: "jwk" }), kid: "one", use: "sig", alg: "RS256" };
  const begun = new Map();
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, provider.url);
    const json = (body, status = 200) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (url.pathname === "/.well-known/openid-configuration") {
      const { url: issuer } = provider;
      const [authorization_endpoint, token_endpoint, jwks_uri] = ["/authorize", "/token", "/keys"].map((p) => issuer + p);
      return json({ issuer, authorization_endpoint, token_endpoint, jwks_uri });
    }
    if (url.pathname === "/keys") return json({ keys: [key] });
    if (url.pathname === "/authorize") {
      const asked = Object.fromEntries(url.searchParams);
      const code = `code-${begun.size}`;
      begun.set(code, asked);
      const back = new URL(asked.redirect_uri);
      back.search = new URLSearchParams({ code, state: asked.state });
      return response.writeHead(302, { location: back.href }).end();
    }
    if (url.pathname === "/token") {
      let body = "";
      for await (const piece of request) body += piece;
      const { code, code_verifier: verifier } = Object.fromEntries(new URLSearchParams(body));
      const asked = begun.get(code);
      const challenge = createHash("sha256").update(verifier ?? "").digest("base64url");
      if (asked?.code_challenge !== challenge) return json({ error: "invalid_grant" }, 400);
      begun.delete(code);
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: provider.url, aud: clientId, iat: now, exp: now + 300, nonce: asked.nonce, ...person };
      const message = `${text({ alg: "RS256", kid: "one", typ: "JWT" })}.${text(claims)}`;
      const signature = sign("RSA-SHA256", Buffer.from(message), privateKey).toString("base64url");
      return json({ token_type: "Bearer", access_token: "x", id_token: `${message}.${signature}` });
    }
    return json({}, 404);
  });
  const provider = {};
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  provider.url = `http://127.0.0.1:${server.address().port}`;
  cleanup(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return provider;
}
