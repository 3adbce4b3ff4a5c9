// Why runs went no further: for each step of the funnel the classes of its drop-off, stacked, with their numbers.

import type { Report, Row } from "../../api";
import { count, label, percent } from "../../format";

/** In the order of the report, with the colours that ends of runs have everywhere. */
const CLASSES = ["error", "rejected", "abandoned", "open", "succeeded_without", "another_branch", "went_no_further"];

interface Props {
  answer: Report;
  /** Where the number of a step and class leads. */
  href: (step: number, dropOff: string) => string;
}

export function DropOffs({ answer, href }: Props) {
  const steps = [...new Set(answer.rows.map((row) => Number(row["step"])))];
  const of = (step: number) =>
    answer.rows
      .filter((row) => row["step"] === step)
      .sort((left, right) => CLASSES.indexOf(String(left["class"])) - CLASSES.indexOf(String(right["class"])));
  return (
    <ol class="drop-offs">
      {steps.map((step) => (
        <Step step={step} rows={of(step)} href={href} />
      ))}
    </ol>
  );
}

function Step({ step, rows, href }: { step: number; rows: Row[]; href: Props["href"] }) {
  return (
    <li>
      <span class="drop-offs-name">
        before {step}. {String(rows[0]?.["name"] ?? "")}
      </span>
      <span class="stack" aria-hidden="true">
        {rows.map((row) => (
          <span class={`is-${String(row["class"])}`} style={{ width: `${Number(row["share_of_drop_off"]) * 100}%` }} />
        ))}
      </span>
      <ul>
        {rows.map((row) => (
          <li>
            <span class={`dot is-${String(row["class"])}`} aria-hidden="true" />
            {label(String(row["class"]))}{" "}
            <a href={href(step, String(row["class"]))}>{count(Number(row["drop_off"]))}</a>{" "}
            <span class="faint">{percent(Number(row["share_of_drop_off"]))}</span>
          </li>
        ))}
      </ul>
    </li>
  );
}
