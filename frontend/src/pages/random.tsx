/* Sends on to a unit drawn by chance; the address itself leaves no entry in the history. */
import { useEffect, useState } from "preact/hooks";
import { ofUnit } from "../address";
import type { SiteIndex } from "../contract";
import { randomUnit } from "../random";
import { replace } from "../router";
import { Failed, Missing, Waiting } from "./missing";

export function RandomPage({ index }: { index: SiteIndex }) {
  const [error, setError] = useState<Error | null>(null);
  const [empty, setEmpty] = useState(false);
  const draw = () => {
    let wanted = true;
    setError(null);
    randomUnit(index).then(
      (unit) => {
        if (unit === null) setEmpty(true);
        else if (wanted) replace(ofUnit(unit), { keepScroll: false });
      },
      (reason: unknown) => setError(reason instanceof Error ? reason : new Error(String(reason))),
    );
    return () => void (wanted = false);
  };
  useEffect(draw, []);
  if (empty) return <Missing index={index} shown="random" />;
  return error === null ? <Waiting /> : <Failed error={error} retry={draw} />;
}
