// Makes the context that one request carries through its stages.
import type { Clock, RandomBytes } from "../clock.ts";
import { systemClock, systemRandom } from "../clock.ts";
import { uuidV7Maker } from "../ids.ts";
import { parseTrace } from "../trace.ts";
import type { Exchange } from "./exchange.ts";
import type { StageContext, TraceContext } from "./stage.ts";

export interface ContextPorts {
  readonly clock?: Clock | undefined;
  readonly random?: RandomBytes | undefined;
}

/** A context, and the call that ends it. */
export interface OwnedContext extends StageContext {
  /** Tells every `onReply` listener once; later calls do nothing. */
  settle(reply: Response): void;
}

/** Makes the context of one request. */
export type ContextMaker = (exchange: Exchange) => OwnedContext;

const requestIdPattern = /^[A-Za-z0-9_.:/+=-]{1,128}$/;

/** The client's `X-Request-Id` is echoed where it is harmless in a log; otherwise a UUIDv7 is made. */
export function createContextMaker(ports: ContextPorts = {}): ContextMaker {
  const clock = ports.clock ?? systemClock;
  const random = ports.random ?? systemRandom;
  const makeId = uuidV7Maker(clock, random);
  return (exchange) => new RequestState(exchange, clock(), makeId, random);
}

/** A class only for speed: one shape for every request, and parts that few requests need made on first use. */
class RequestState implements OwnedContext {
  readonly exchange: Exchange;
  readonly receivedAtMs: number;
  readonly replyHeaders = new Map<string, string>();
  subject: StageContext["subject"] = null;
  credential: StageContext["credential"] = null;
  projectId: string | null = null;
  claim: ((bytes: number) => void) | null = null;
  wireBody: Uint8Array | null = null;
  decodedBody: Uint8Array | null = null;
  events: readonly unknown[] | null = null;
  idempotency: StageContext["idempotency"] = null;
  batch: StageContext["batch"] = null;
  replyBody: string | null = null;
  result: StageContext["result"] = null;
  #requestId: string | undefined;
  #trace: TraceContext | undefined;
  #listeners: ((reply: Response) => void)[] | null = [];
  readonly #makeId: () => string;
  readonly #random: RandomBytes;

  constructor(exchange: Exchange, receivedAtMs: number, makeId: () => string, random: RandomBytes) {
    this.exchange = exchange;
    this.receivedAtMs = receivedAtMs;
    this.#makeId = makeId;
    this.#random = random;
  }

  get requestId(): string {
    if (this.#requestId === undefined) {
      const sent = this.exchange.header("x-request-id");
      this.#requestId = sent !== null && requestIdPattern.test(sent) ? sent : this.#makeId();
    }
    return this.#requestId;
  }

  get trace(): TraceContext {
    this.#trace ??= parseTrace((name) => this.exchange.header(name), this.#random);
    return this.#trace;
  }

  onReply(listener: (reply: Response) => void): void {
    this.#listeners?.push(listener);
  }

  settle(reply: Response): void {
    const listeners = this.#listeners;
    this.#listeners = null;
    for (const listener of listeners ?? []) listener(reply);
  }
}
