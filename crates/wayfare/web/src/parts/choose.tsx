interface Props {
  label: string;
  /** Value and title of each; the title is the value where there is only one. */
  options: readonly (string | readonly [string, string])[];
  chosen: string;
  set: (value: string) => void;
}

/** One of a few, all of them in sight. */
export function Choose({ label, options, chosen, set }: Props) {
  return (
    <div class="choose" role="group" aria-label={label}>
      {options.map((option) => {
        const [value, title] = typeof option === "string" ? [option, option] : option;
        return (
          <button type="button" aria-pressed={chosen === value} onClick={() => set(value)}>
            {title}
          </button>
        );
      })}
    </div>
  );
}
