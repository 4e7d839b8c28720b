// Secrets of configuration files in many formats never get through, and everything else does.
import { describe, expect, test } from "vitest";
import { isSensitiveKey } from "../redact/sensitive-key.ts";
import { redactConfig } from "./redact-config.ts";

test.each(
  "password db_password DB_PASSWORD dbPassword x-api-key apiKey APIKEY STRIPE_API_KEY clientSecret privateKey private_key accessToken auth.token Authorization cookie DATABASE_DSN connectionString requirepass PGPASSWORD api_tokens passwords dbPasswords dbpasswords apikeys APIKEYS stripeapikeys refreshtoken refreshTokens refreshtokens idtoken idtokens csrftoken sessioncookie awscredentials awscreds dbpass userpwd sshkeys accountkey connectionstring connectionStrings pins".split(
    " ",
  ),
)("%s is a sensitive key", (key) => expect(isSensitiveKey(key)).toBe(true));

test.each(
  "max_tokens tokenizer passenger compass bypass author authority keyboard key publicKey primary_key monkey passive host user secretary pinned tokens maxtokens prompttokens validtokens passwords_file tokenize".split(
    " ",
  ),
)("%s is not", (key) => expect(isSensitiveKey(key)).toBe(false));

test("more keys may be given as names or patterns", () => {
  expect(isSensitiveKey("Shibboleth", ["shibboleth"])).toBe(true);
  expect([isSensitiveKey("x_hidden", [/_hidden$/g]), isSensitiveKey("y_hidden", [/_hidden$/g])]).toEqual([true, true]);
});

const S = "hunter2-S3CRET";
const formats: Record<string, readonly [source: string, expected: string]> = {
  env: [
    `A=1\nexport DB_PASSWORD=${S}\nAPI_KEY="${S}" # why\nB=x\n`,
    'A=1\nexport DB_PASSWORD=[redacted]\nAPI_KEY="[redacted]" # why\nB=x\n',
  ],
  "env over lines": [
    `PRIVATE_KEY="-----BEGIN RSA PRIVATE KEY-----\n${S}\n-----END RSA PRIVATE KEY-----"\nB=x\n`,
    'PRIVATE_KEY="[redacted]"\nB=x\n',
  ],
  ini: [`[db]\nuser = app\npassword = ${S}, with; signs\n`, "[db]\nuser = app\npassword = [redacted]\n"],
  toml: [`[auth]\nsecret = """\n${S}\n"""\nttl = 3\ntokens = 5\n`, '[auth]\nsecret = """[redacted]"""\nttl = 3\ntokens = 5\n'],
  "toml array": [`secrets = [\n  "${S}",\n  "b"\n]\nttl = 3\n`, 'secrets = "[redacted]"\nttl = 3\n'],
  json: [
    `{\n  "password" : "${S}\\"x",\n  "port": 5432,\n  "auth_token": 123456\n}\n`,
    '{\n  "password" : "[redacted]",\n  "port": 5432,\n  "auth_token": [redacted]\n}\n',
  ],
  "json on one line": [
    `{"a":1,"secret":"${S}","credentials":{"u":"${S}"},"b":[true,{"apiKey":"${S}"}]}`,
    '{"a":1,"secret":"[redacted]","credentials":"[redacted]","b":[true,{"apiKey":"[redacted]"}]}',
  ],
  yaml: [
    `db:\n  host: h\n  password: ${S} # c\nlist:\n  - token: '${S}'\n    name: x\n`,
    "db:\n  host: h\n  password: [redacted]\nlist:\n  - token: '[redacted]'\n    name: x\n",
  ],
  "yaml blocks": [
    `tls:\n  private_key: |\n    ${S}\n    more\n  cert_path: /x\nsecrets:\n  a: ${S}\n  b:\n    c: ${S}\nport: 1\n`,
    "tls:\n  private_key: |\n    [redacted]\n  cert_path: /x\nsecrets:\n  [redacted]\nport: 1\n",
  ],
  "yaml list at the same depth": [
    `passwords_file: p\npassword:\n- ${S}\n- ${S}2\nport: 1\n`,
    "passwords_file: p\npassword:\n  [redacted]\nport: 1\n",
  ],
  "yaml flow": [`db: {host: h, password: ${S}, port: 1}\n`, "db: {host: h, password: [redacted], port: 1}\n"],
  "kubernetes env": [
    `env:\n  - name: DB_PASSWORD\n    value: ${S}\n  - name: PORT\n    value: "80"\n`,
    'env:\n  - name: DB_PASSWORD\n    value: [redacted]\n  - name: PORT\n    value: "80"\n',
  ],
  "kubernetes env in json": [
    `{"env":[{"name":"DB_PASSWORD","value":"${S}"},{"name":"PORT","value":"80"}]}`,
    '{"env":[{"name":"DB_PASSWORD","value":"[redacted]"},{"name":"PORT","value":"80"}]}',
  ],
  "kubernetes secret": [
    `apiVersion: v1\nkind: Secret\ndata:\n  anything: ${S}\ntype: Opaque\n`,
    "apiVersion: v1\nkind: Secret\ndata:\n  [redacted]\ntype: Opaque\n",
  ],
  compose: [
    `services:\n  db:\n    environment:\n      - POSTGRES_PASSWORD=${S}\n      - PORT=1\n`,
    "services:\n  db:\n    environment:\n      - POSTGRES_PASSWORD=[redacted]\n      - PORT=1\n",
  ],
  xml: [
    `<c><password enc="no">${S}</password><host>h</host><add token="${S}"/></c>`,
    '<c><password enc="no">[redacted]</password><host>h</host><add token="[redacted]"/></c>',
  ],
  hcl: [`variable "x" {\n  api_key = "${S}"\n  port = 1\n}\n`, 'variable "x" {\n  api_key = "[redacted]"\n  port = 1\n}\n'],
  "key and blank": [`port 6379\nrequirepass ${S}\n# password is below\n`, "port 6379\nrequirepass [redacted]\n# password is below\n"],
  flags: [
    `ExecStart=/bin/app --port 1 --api-key ${S} --password=${S}\n`,
    "ExecStart=/bin/app --port 1 --api-key [redacted] --password=[redacted]\n",
  ],
  urls: [
    `url: postgres://app:${S}@db:5432/x?ssl=1\nhome: https://example.com/a@b\n`,
    "url: postgres://[redacted]@db:5432/x?ssl=1\nhome: https://example.com/a@b\n",
  ],
  tokens: [
    `a: ghp_${"x".repeat(36)}\nb: AKIA${"A".repeat(16)}\nheader: Bearer ${S}aaaa\n`,
    "a: [redacted]\nb: [redacted]\nheader: Bearer [redacted]\n",
  ],
  windows: [`[db]\r\npassword=${S}\r\nport=1\r\n`, "[db]\r\npassword=[redacted]\r\nport=1\r\n"],
  "a value that begins like a comment": [
    `PASSWORD=#${S}\npassword = # none\npassword: # none\r\ntoken=# none\n`,
    "PASSWORD=[redacted]\npassword = # none\npassword: # none\r\ntoken=[redacted]\n",
  ],
  "keys that begin with a digit": [`{"1password": "${S}"}\n2_token=${S}\n`, '{"1password": "[redacted]"}\n2_token=[redacted]\n'],
  "flags in the middle of a word": [`run x--api-key ${S} ---token ${S}\n`, "run x--api-key [redacted] ---token [redacted]\n"],
  "brackets over lines": [`secrets = [ # don't\n  ["${S}]", "{"],\n  '${S}['\n]\nport = 1\n`, 'secrets = "[redacted]"\nport = 1\n'],
  "a quote over lines inside of brackets": [
    `{"a": 1, "secrets": ["x\n]${S}"], "b": 2}\nport = 1\n`,
    '{"a": 1, "secrets": "[redacted]"\nport = 1\n',
  ],
  "an open quote": [`password: "${S}\nport: 1\n`, 'password: "[redacted]\nport: 1\n'],
  "not secret": ["password:\nauth_token: null\nuse_password: true\nfoo:\n", "password:\nauth_token: null\nuse_password: true\nfoo:\n"],
};

describe.each(Object.entries(formats))("%s", (_name, [source, expected]) => {
  test("is masked, and only there", () => {
    expect(redactConfig(source).text).toBe(expected);
    expect(redactConfig(source).text).not.toContain("S3CRET");
  });
});

test("masking what is masked changes nothing", () => {
  for (const [source] of Object.values(formats)) {
    const once = redactConfig(source).text;
    expect(redactConfig(once).text).toBe(once);
  }
});

test("what was masked is known by key, to tell a change of a secret", () => {
  expect(redactConfig("a=1\npassword=x\n").secrets).toEqual([{ key: "password", value: "x" }]);
});

test("a megabyte of anything ends soon", () => {
  for (const source of [
    "password: ".repeat(100_000),
    "password={".repeat(50_000),
    'token: "'.repeat(50_000),
    `x${" ".repeat(500_000)}`,
    "secret: |\n".repeat(50_000),
    // What stands in ordinary files, such as a certificate.
    `ca: ${"QUJD".repeat(250_000)}`,
    "password: [\n".repeat(30_000),
    "password: {'\n".repeat(30_000),
    `${"{".repeat(500_000)}}password: x`,
    `password: {"${'\\"'.repeat(500_000)}`,
    `<${"a".repeat(1_000_000)}`,
    `${"--a".repeat(300_000)} -`,
    "password: #".repeat(90_000),
  ]) {
    const startedAt = performance.now();
    redactConfig(source);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  }
});
