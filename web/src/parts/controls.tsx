// Buttons, dialogs and the like.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './icons.tsx';

interface IconButtonProps {
  icon: IconName;
  /** What it does, and to what: "Pause big.iso". */
  label: string;
  onClick: () => void;
  disabled?: boolean;
  danger?: boolean;
}

export function IconButton({ icon, label, onClick, disabled, danger }: IconButtonProps) {
  return (
    <button
      type="button"
      class={danger ? 'icon-button danger' : 'icon-button'}
      aria-label={label}
      title={label}
      disabled={disabled ?? false}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

export interface Question {
  title: string;
  text: ComponentChildren;
  yes: string;
  act: () => Promise<void> | void;
}

/** Asks before something that cannot be undone. Escape and "Keep" do nothing. */
export function Confirm({ question, onClose }: { question: Question | null; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [busy, set_busy] = useState(false);
  useEffect(() => {
    if (question) dialog.current?.showModal();
  }, [question]);
  const yes = async () => {
    set_busy(true);
    await question?.act();
    set_busy(false);
    dialog.current?.close();
  };
  if (!question) return null;
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="dialog-title" onClose={onClose}>
      <h2 id="dialog-title">{question.title}</h2>
      <div class="dialog-text">{question.text}</div>
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          Keep
        </button>
        <button type="button" class="button button-danger" disabled={busy} onClick={yes}>
          {question.yes}
        </button>
      </div>
    </dialog>
  );
}

/** Rows of a list that has more than are loaded. */
export function More({ onMore, label }: { onMore: () => Promise<void>; label: string }) {
  const [busy, set_busy] = useState(false);
  return (
    <button
      type="button"
      class="button button-quiet more"
      disabled={busy}
      onClick={async () => {
        set_busy(true);
        await onMore();
        set_busy(false);
      }}
    >
      {label}
    </button>
  );
}

/** One of several: a group of radio buttons that looks like a switch. */
export function Choice<T extends string>(props: {
  name: string;
  legend: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}) {
  return (
    <fieldset class="choice">
      <legend class="unseen">{props.legend}</legend>
      {props.options.map(([value, label]) => (
        <label key={value} class={value === props.value ? 'chosen' : ''}>
          <input
            type="radio"
            name={props.name}
            value={value}
            checked={value === props.value}
            onChange={() => props.onChange(value)}
          />
          {label}
        </label>
      ))}
    </fieldset>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}
