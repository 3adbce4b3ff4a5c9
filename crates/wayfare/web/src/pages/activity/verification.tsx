import type { Spec } from "../../api";
import { Notes, Panel } from "../../parts/panel";
import { Table } from "../../parts/table";
import { useReport } from "../../parts/useReport";

/** How verification sessions ended. */
export function VerificationPanels({ range, zone }: { range: Spec; zone: string }) {
  const spec = { ...range };
  const use = useReport("sessions", spec);
  return (
    <Panel title="How verification sessions ended" name="sessions" spec={spec} use={use} wide>
      {(answer) => (
        <>
          <Table answer={answer} caption="Verification sessions by outcome" zone={zone} />
          <Notes answer={answer} />
        </>
      )}
    </Panel>
  );
}
