// The links from one page of a list to others.

interface Props {
  /** Where the first page is; absent on it. */
  first: string | false | null;
  /** Where the next page is; absent on the last one. */
  next: string | undefined;
  /** What the next page has. */
  label?: string;
}

export function Pages({ first, next, label = "Next page" }: Props) {
  return (
    <p class="pages">
      {first && <a href={first}>First page</a>}
      {next && <a href={next}>{label}</a>}
    </p>
  );
}
