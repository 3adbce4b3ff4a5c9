import type { Report } from "../api";
import { instant } from "../format";

/** Up to when there is data, and which snapshot answers. */
export function Freshness({ answer, zone }: { answer: Report | undefined; zone: string }) {
  if (!answer) return <p class="fresh" />;
  return (
    <p class="fresh">
      {answer.as_of ? (
        <>
          data up to <time dateTime={answer.as_of}>{instant(answer.as_of, zone).slice(0, 19)}</time> {zone}, snapshot {answer.snapshot}
        </>
      ) : (
        "no events yet: take some in with `wayfare ingest`"
      )}
    </p>
  );
}
