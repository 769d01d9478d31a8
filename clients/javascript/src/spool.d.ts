/** Batches on disk, for Node: a folder of segment files, oldest first, bounded in bytes. What a killed program left is sent by the next. */
export class Spool {
  /** `folder` is used by no other program; `cap` is in bytes (256 MiB). Throws when the folder is in use or cannot be used. */
  constructor(folder: string, cap?: number);
  /** Samples that wait. */
  readonly samples: number;
  /** Bytes of all segments. */
  readonly bytes: number;
  append(batch: { objects: string; samples: number }): Mark;
  sync(): void;
  enforceCap(): number;
  front(maxBytes: number): { batch: { objects: string; samples: number }; mark: Mark } | null;
  acknowledge(mark: Mark): void;
  close(): void;
}

/** Names a run of records at the front. */
export interface Mark {
  readonly first: number;
  readonly records: number;
  readonly bytes: number;
  readonly samples: number;
}
