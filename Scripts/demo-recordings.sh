#!/bin/sh
# Writes the demo's manifest (path, set, text) to standard output: real recordings of people, from
# Debian packages, with the transcripts that the packages carry. None is used in training or tuning.
set -eu
sphinx=/usr/share/pocketsphinx/test/data
sounds=/usr/share/asterisk/sounds/en_US_f_Allison
prompts=/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz
for needed in "$sphinx" "$sounds" "$prompts"; do
  [ -e "$needed" ] || { echo "demo-recordings.sh: $needed is missing; run Scripts/setup.sh" >&2; exit 66; }
done
printf 'path\tset\ttext\n'

# "<s> ten of clubs </s> (001)": the text lies between the marks, the file's name in the brackets.
spoken() {
  awk -v folder="$1" -v set="$2" '{
    name = $NF; gsub(/[()]/, "", name)
    text = $0; sub(/^<s> */, "", text); sub(/ *<\/s>.*$/, "", text)
    printf "%s/%s.wav\t%s\t%s\n", folder, name, set, toupper(text)
  }' "$3"
}
spoken "$sphinx/cards" sphinx-cards "$sphinx/cards/cards.transcription"
spoken "$sphinx/librivox" sphinx-librivox "$sphinx/librivox/transcription"

# "digits/0: zero": the digits, the tens and a handful of telephone prompts without numerals.
zcat "$prompts" | awk -F': ' -v folder="$sounds" '
  /^digits\/[0-9]+:/ || /^(activated|added|call-forwarding|call-waiting|calling|cancelled|auth-thankyou|goodbye|invalid|please-try-again|vm-goodbye|vm-press|vm-received|all-circuits-busy-now|agent-loggedoff|conf-full|transfer|your):/ {
    text = toupper($2)
    gsub(/-/, " ", text); gsub(/[^A-Z'"'"' ]/, "", text); gsub(/ +/, " ", text); sub(/ $/, "", text)
    file = folder "/" $1 ".wav"
    if (text != "" && (getline line < file) >= 0) { close(file); printf "%s\tasterisk\t%s\n", file, text }
  }'
