// What the persist bench asks of every contestant, ours and the peers.

export interface Contestant {
  readonly name: string;
  /** What a resolved put means, in a few words; printed beside the numbers. */
  readonly durability: string;
  /** Whether a resolved put survives a power cut. Only such peers are raced in put. */
  readonly isDurable: boolean;
  /** Whether a get reads from the store's file; a peer that keeps everything in memory is printed, not raced, in get. */
  readonly readsFromDisk: boolean;
  /** Puts measured one by one in a round; fewer where one takes long. */
  readonly putsPerRound: number;
  /** Opens the data in `folder`, the same each time. */
  open(folder: string): Promise<OpenContestant>;
}

export interface OpenContestant {
  put(key: string, value: object): Promise<unknown>;
  get(key: string): Promise<unknown>;
  /** Many at once, in the fastest way its API has. */
  fill(entries: readonly (readonly [string, object])[]): Promise<unknown>;
  close(): Promise<unknown>;
}
