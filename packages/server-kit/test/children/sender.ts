// A client process: sends one batch many times under one key and reports the distinct replies.
const { URL_, KEY, SIGNATURE, BODY, IDEMPOTENCY_KEY, TIMES } = process.env as Record<string, string>;

const replies = new Set<string>();
for (let round = 0; round < Number(TIMES); round += 20) {
  const sent = Array.from({ length: 20 }, async () => {
    const response = await fetch(`${URL_}/api/ingest`, {
      method: "POST",
      body: BODY as string,
      headers: {
        authorization: `Bearer ${KEY}`,
        "content-type": "application/json",
        "x-cuitty-signature": SIGNATURE as string,
        "x-cuitty-idempotency-key": IDEMPOTENCY_KEY as string,
      },
    });
    replies.add(`${response.status} ${await response.text()}`);
  });
  await Promise.all(sent);
}
process.stdout.write(JSON.stringify([...replies]));

export {};
