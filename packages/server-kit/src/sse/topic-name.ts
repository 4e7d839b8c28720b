// How a stream topic is spelled, where modules name it, clients ask for it and cursors repeat it: no comma, colon or space can be in one.

const name = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}";
const wholeName = new RegExp(`^${name}$`);
const place = new RegExp(`^(${name}):(0|[1-9]\\d{0,15})$`);

/** What a name is made of, in words. */
export const topicSpelling = 'letters, digits, "_", "." and "-"';

export function isTopicName(text: string): boolean {
  return wholeName.test(text);
}

/** Reads `logs:1234`; null when it is not that. The digits may be more than a safe integer has. */
export function parseTopicPlace(text: string): { readonly topic: string; readonly seq: number } | null {
  const [, topic, digits] = place.exec(text) ?? [];
  return topic === undefined ? null : { topic, seq: Number(digits) };
}
