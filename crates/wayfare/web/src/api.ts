// Everything asked of the server. No number is computed here: a report's rows are shown as they come.

export type Cell = string | number | boolean | null;
/** Cells by column; parameters of an event come as the object that they are. */
export type Row = Record<string, Cell>;

/** An answer of `/api/v1/reports/{name}`. */
export interface Report {
  schema_version: number;
  report: string;
  spec: Record<string, unknown>;
  snapshot: number;
  as_of: string | null;
  rows_total?: number;
  next?: string;
  notes?: string[];
  rows: Row[];
}

export type Spec = Record<string, unknown>;

/** What the server said was wrong (RFC 9457), or that it could not be reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly requestId: string | null,
    readonly hint = "",
  ) {
    super(title);
  }
}

const TOKEN_KEY = "wayfare-token";

export const token = {
  get: () => sessionStorage.getItem(TOKEN_KEY),
  set: (value: string) => (value ? sessionStorage.setItem(TOKEN_KEY, value) : sessionStorage.removeItem(TOKEN_KEY)),
};

function headers(more: Record<string, string> = {}): Record<string, string> {
  const secret = token.get();
  return secret ? { ...more, authorization: `Bearer ${secret}` } : more;
}

async function answered(response: Response): Promise<Response> {
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new Problem(
    response.status,
    typeof body.title === "string" ? body.title : response.statusText,
    typeof body.detail === "string" ? body.detail : "",
    response.headers.get("x-request-id"),
    typeof body.hint === "string" ? body.hint : "",
  );
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await answered(await fetch(path, init));
  } catch (cause) {
    if (cause instanceof Problem || (cause instanceof DOMException && cause.name === "AbortError")) throw cause;
    throw new Problem(0, "The server does not answer", "Is `wayfare serve` still running?", null);
  }
}

/** Asks for a report. */
export async function report(name: string, spec: Spec, signal?: AbortSignal): Promise<Report> {
  const response = await send(`/api/v1/reports/${name}`, {
    method: "POST",
    headers: headers({ "content-type": "application/json", accept: "application/json" }),
    body: JSON.stringify(spec),
    signal: signal ?? null,
  });
  return (await response.json()) as Report;
}

/** Fetches the same report in another format, of a log every event, and hands it to the browser as a file. */
export async function download(name: string, spec: Spec, format: "csv" | "json" | "parquet"): Promise<void> {
  const all = name === "activity" && !spec["by"] ? "&all=true" : "";
  const response = await send(`/api/v1/reports/${name}?format=${format}${all}`, {
    method: "POST",
    headers: headers({ "content-type": "application/json" }),
    body: JSON.stringify(spec),
  });
  save(await response.blob(), `${name}.${format}`);
}

export function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
