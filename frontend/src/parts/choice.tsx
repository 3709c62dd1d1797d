/* One of a few, as joined buttons: radio buttons underneath, so keys and screen readers know them. */
import { useId } from "preact/hooks";

interface Props<Value extends string> {
  label: string;
  value: Value;
  choices: [NoInfer<Value>, string][];
  onChoose(value: NoInfer<Value>): void;
  testid: string;
}

export function Choice<Value extends string>({ label, value, choices, onChoose, testid }: Props<Value>) {
  const name = useId();
  return (
    <fieldset class="choice" data-testid={testid} data-arrows>
      <legend>{label}</legend>
      {choices.map(([one, text]) => (
        <label key={one} class={one === value ? "on" : ""}>
          <input type="radio" name={name} value={one} checked={one === value} onChange={() => onChoose(one)} />
          {text}
        </label>
      ))}
    </fieldset>
  );
}
