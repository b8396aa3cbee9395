// The shapes of the service's JSON. Times are ISO 8601 UTC, sizes bytes.

export type Role = 'reader' | 'uploader' | 'operator' | 'admin';

export interface Session {
  name: string;
  role: Role;
  buckets: string[] | null;
  auth: 'key' | 'cookie' | 'jwt' | 'open';
  version: string;
}

export interface Settings {
  defaultBucket: string;
  upload: { filesMax: number; fileBytesMax: number; allow: string[]; block: string[] };
  transfers: { max: number };
  faults: boolean;
}

export type Status =
  | 'pending'
  | 'starting'
  | 'in-progress'
  | 'paused'
  | 'completed'
  | 'failed'
  | 'cancelled';

export interface Progress {
  bytesTransferred: number;
  totalBytes: number | null;
  percentage: number | null;
  bytesPerSecond: number;
  etaSeconds: number | null;
  partsDone: number;
  partsTotal: number;
  partsInFlight: number;
  /** A character per part: '.' waiting, 'a' in flight, 'd' done; at most 200; '' when unknown. */
  parts: string;
}

export interface ErrorBody {
  code: string;
  message: string;
  details?: unknown;
  retryable: boolean;
}

export interface Transfer {
  transferId: string;
  status: Status;
  progress: Progress;
  metadata: {
    sourceUrl: string;
    bucketName: string;
    keyPrefix: string | null;
    s3Key: string | null;
    s3Location: string | null;
    checksum: string | null;
    /** What else is to be said of one that is done. */
    note?: string | null;
    startTime: string | null;
    endTime: string | null;
    lastUpdateTime: string | null;
    attempt: number;
    createdTime: string;
    priority: number;
    notBefore: string | null;
    batchId: string | null;
    owner: string | null;
  };
  error: ErrorBody | null;
}

export type Counts = Record<Status, number>;

export interface TransferPage {
  transfers: Transfer[];
  nextCursor: string | null;
  counts: Counts;
}

export interface Batch {
  batchId: string;
  created: string;
  count: number;
  counts: Counts;
}

export interface Statistics {
  count: number;
  failed: number;
  successRate: number;
  errorRate: number;
  averageMs: number;
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
  maxMs: number;
  opsPerSecond: number;
  bytesPerSecond: number;
  bytes: number;
  averageMemory: number;
  errors: Record<string, number>;
  seconds: number;
}

export interface Operation {
  name: string;
  inFlight: number;
  lastUpdated: string | null;
  recent: Statistics;
  total: Statistics;
}

export interface Alert {
  id: string;
  operation: string;
  metric: string;
  value: number;
  threshold: number;
  since: string;
  resolved: string | null;
  suppressed: boolean;
}

export interface Monitor {
  time: string;
  uptimeSeconds: number;
  summary: Operation;
  /** Left out of what /events sends. */
  operations?: Operation[];
  memory: { budget: number; used: number; rss: number };
  transfers: { active: number; waiting: number };
  alerts: { firing: Alert[] };
}

export interface Sample {
  time: string;
  durationMs: number;
  bytes: number;
  success: boolean;
}

export interface Bucket {
  name: string;
  created: string | null;
}

export interface StoredObject {
  key: string;
  size: number;
  lastModified: string;
  etag: string;
}

export interface ObjectPage {
  bucket: string;
  prefix: string;
  prefixes: string[];
  objects: StoredObject[];
  nextCursor: string | null;
}

export interface UploadedFile {
  originalName: string;
  path: string;
  size: number;
  type: string;
}

export interface UploadFailure {
  originalName: string;
  error: string;
}

/** What POST /upload answers, whatever its status. */
export interface UploadAnswer {
  success: boolean;
  partialSuccess?: boolean;
  files?: UploadedFile[];
  failures?: UploadFailure[];
  count?: number;
  failureCount?: number;
  duration?: number;
  error?: string | ErrorBody;
}

export interface AccessKey {
  id: string;
  name: string;
  role: Role;
  buckets: string[] | null;
  created: string;
  expires: string | null;
  lastUsed?: string | null;
  revoked: boolean | string | null;
}
