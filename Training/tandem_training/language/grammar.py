"""A small grammar of what people say to machines: commands, times, numbers, names.

`sentences(seed, count)` draws from it: for the language model, and for synthetic speech. Text is as
everywhere in Tandem: upper case A-Z, apostrophe, single spaces. The same seed gives the same sentences.
"""

from __future__ import annotations

import random
import re

DIGITS = "ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split()
TEENS = "TEN ELEVEN TWELVE THIRTEEN FOURTEEN FIFTEEN SIXTEEN SEVENTEEN EIGHTEEN NINETEEN".split()
TENS = "TWENTY THIRTY FORTY FIFTY SIXTY SEVENTY EIGHTY NINETY".split()
ORDINALS = (
    "FIRST SECOND THIRD FOURTH FIFTH SIXTH SEVENTH EIGHTH NINTH TENTH ELEVENTH TWELFTH THIRTEENTH FOURTEENTH FIFTEENTH "
    "SIXTEENTH SEVENTEENTH EIGHTEENTH NINETEENTH TWENTIETH"
).split() + [f"TWENTY {ordinal}" for ordinal in "FIRST SECOND THIRD FOURTH FIFTH SIXTH SEVENTH EIGHTH NINTH".split()] + ["THIRTIETH", "THIRTY FIRST"]

# A rule is a list of alternatives; `{name}` stands for another rule; `x3|` before an alternative weighs it three times.
# Rules in lower case are expanded from here, those in `FUNCTIONS` are computed.
RULES: dict[str, list[str]] = {
    "sentence": [
        "x10|{order}", "x3|{wake} {order}", "x2|{polite} {order}", "x1|{order} PLEASE", "x5|{question}", "x4|{single}", "x2|{number}",
        "x1|{digits}", "x1|{time}", "x1|{date}", "x2|{say}", "x1|{wake}",
    ],
    "wake": ["ALEXA", "COMPUTER", "JARVIS", "SMART MIRROR", "SNOWBOY", "VIEW GLASS", "HEY COMPUTER", "OKAY COMPUTER"],
    "polite": ["PLEASE", "COULD YOU", "CAN YOU", "WOULD YOU", "I WANT YOU TO", "CAN YOU PLEASE", "COULD YOU PLEASE"],
    "single": [
        "x3|{command_word}", "x2|{digit}", "HELLO", "THANK YOU", "GOOD MORNING", "GOOD NIGHT", "CANCEL", "CONTINUE", "REPEAT", "HELP", "NEXT", "PREVIOUS",
        "PAUSE", "RESUME", "PLAY", "MUTE", "UNMUTE", "LOUDER", "QUIETER", "BACK", "ENTER", "DELETE", "UNDO", "SEND", "SAVE", "OPEN", "CLOSE", "YES PLEASE",
        "NO THANKS", "NEVER MIND", "THAT'S ALL", "THAT IS WRONG", "TRY AGAIN", "SAY THAT AGAIN", "WAIT A MOMENT", "KEEP GOING", "STOP IT", "STOP THAT",
    ],
    "command_word": [
        "YES", "NO", "UP", "DOWN", "LEFT", "RIGHT", "ON", "OFF", "STOP", "GO", "BED", "BIRD", "CAT", "DOG", "HAPPY", "HOUSE", "MARVIN", "SHEILA", "TREE", "WOW",
        "FORWARD", "BACKWARD", "FOLLOW", "LEARN", "VISUAL",
    ],
    "order": [
        "x4|{light_order}", "x4|{timer_order}", "x3|{alarm_order}", "x3|{music_order}", "x2|{volume_order}", "x3|{home_order}", "x2|{call_order}", "x2|{message_order}",
        "x2|{list_order}", "x2|{coffee_order}", "x2|{calendar_order}", "x2|{travel_order}", "x2|{move_order}", "x1|{screen_order}",
    ],
    "question": [
        "x2|WHAT TIME IS IT", "WHAT DAY IS IT TODAY", "WHAT IS THE DATE TODAY", "x2|WHAT IS THE WEATHER LIKE {when}", "WHAT'S THE WEATHER IN {city} {when}",
        "WILL IT {rain} {when}", "HOW COLD IS IT OUTSIDE", "HOW WARM WILL IT BE {when}", "HOW MANY MINUTES ARE LEFT ON THE TIMER", "HOW MUCH TIME IS LEFT",
        "WHEN IS MY NEXT {event}", "WHAT IS ON MY CALENDAR {when}", "WHAT IS ON MY {list} LIST", "HOW FAR IS IT TO {city}", "HOW LONG DOES IT TAKE TO GET TO {city}",
        "WHO IS CALLING", "WHO IS AT THE DOOR", "WHAT SONG IS THIS", "WHAT IS PLAYING", "IS THE {room} LIGHT ON", "IS THE {opening} {closed}", "ARE THE LIGHTS ON",
        "WHERE IS MY {thing}", "WHAT IS {number} PLUS {number}", "WHAT IS {number} MINUS {number}", "WHAT IS {digit} TIMES {digit}", "HOW DO YOU SPELL {name}",
        "WHAT CAN YOU DO", "HOW ARE YOU", "WHAT IS YOUR NAME", "ARE YOU THERE", "CAN YOU HEAR ME", "WHAT TIME DOES THE {train} LEAVE", "WHAT IS THE TEMPERATURE IN THE {room}",
        "DID {name} CALL", "DO I HAVE ANY MESSAGES", "WHEN DOES THE SUN {rise}", "HOW MUCH DOES IT COST", "WHAT IS THE NEWS {when}",
    ],
    "say": [
        "MY NAME IS {name}", "THIS IS {name}", "I AM {name}", "I LIVE IN {city}", "I AM {age} YEARS OLD", "IT IS {time}", "IT IS {day}", "TODAY IS {date}",
        "MY NUMBER IS {digits}", "THE CODE IS {digits}", "CHANNEL {number}", "ROOM {number}", "I WILL BE THERE AT {time}", "I NEED {amount} {grocery}", "I LIKE {dish}",
        "{name} AND {name}", "GOOD MORNING {name}", "GOOD NIGHT {name}", "THANK YOU {name}", "SEE YOU {when}", "I AM AT HOME", "I AM IN THE {room}", "I AM LEAVING NOW",
    ],
    "light_order": [
        "TURN {on} THE LIGHT", "TURN {on} THE LIGHTS", "x2|TURN {on} THE {room} LIGHT", "x2|TURN {on} THE LIGHT IN THE {room}", "TURN THE LIGHT {on}", "TURN THE {room} LIGHTS {on}",
        "SWITCH {on} THE {lamp}", "SWITCH THE LAMP {on}", "DIM THE LIGHTS", "DIM THE {room} LIGHTS TO {percent}", "SET THE LIGHTS TO {percent}", "MAKE THE {room} {brighter}",
        "MAKE THE LIGHT {color}", "SET THE {lamp} TO {color}", "LIGHTS {on}", "ALL LIGHTS {on}",
    ],
    "timer_order": [
        "x2|SET A TIMER FOR {duration}", "SET A {duration_adjective} TIMER", "START A TIMER FOR {duration}", "STOP THE TIMER", "CANCEL THE TIMER", "PAUSE THE TIMER",
        "ADD {duration} TO THE TIMER", "REMIND ME IN {duration}", "REMIND ME IN {duration} TO {chore}", "WAKE ME UP IN {duration}", "SET A TIMER FOR THE {dish}",
    ],
    "alarm_order": [
        "x2|WAKE ME UP AT {time}", "x2|SET AN ALARM FOR {time}", "SET AN ALARM FOR {time} {when}", "CANCEL THE ALARM", "TURN OFF THE ALARM", "SNOOZE", "SNOOZE FOR {duration}",
        "REMIND ME TO {chore} AT {time}", "REMIND ME TO {chore} {when}", "REMIND ME ON {day} TO {chore}",
    ],
    "music_order": [
        "PLAY SOME MUSIC", "PLAY {genre}", "PLAY SOME {genre}", "PLAY {genre} IN THE {room}", "PLAY THE NEXT SONG", "NEXT SONG", "PREVIOUS SONG", "SKIP THIS SONG", "STOP THE MUSIC",
        "PAUSE THE MUSIC", "PLAY THE RADIO", "PLAY MY FAVORITE SONG", "PLAY THE NEWS", "PLAY IT AGAIN", "SHUFFLE MY SONGS", "TURN THE MUSIC {louder}",
    ],
    "volume_order": [
        "TURN UP THE VOLUME", "TURN DOWN THE VOLUME", "TURN IT {louder}", "SET THE VOLUME TO {number}", "SET THE VOLUME TO {percent}", "VOLUME {louder}", "VOLUME {digit}",
        "MUTE THE TELEVISION", "TURN {on} THE SOUND",
    ],
    "home_order": [
        "{opens} THE {opening}", "{opens} THE {room} {opening}", "{opens} ALL THE {opening}S", "LOCK THE DOOR", "UNLOCK THE FRONT DOOR", "TURN {on} THE {device}", "SWITCH {on} THE {device}",
        "SET THE TEMPERATURE TO {number} DEGREES", "SET THE HEATING TO {number} DEGREES", "MAKE IT {warmer}", "MAKE IT {warmer} IN THE {room}", "START THE {machine}", "STOP THE {machine}",
        "CLEAN THE {room}", "TURN {on} THE {device} IN THE {room}", "SHOW ME THE {room} CAMERA",
    ],
    "call_order": ["CALL {name}", "CALL {person}", "CALL {name} ON THE MOBILE", "DIAL {digits}", "ANSWER THE PHONE", "HANG UP", "CALL THE {office}", "CALL {name} AND {name}"],
    "message_order": [
        "SEND A MESSAGE TO {name}", "TELL {name} THAT I AM {late}", "TELL {person} I WILL BE THERE IN {duration}", "TEXT {name}", "READ MY MESSAGES", "SEND AN EMAIL TO {name}",
        "ASK {name} TO {chore}", "TELL {name} TO {chore}", "REPLY TO {name}",
    ],
    "list_order": [
        "ADD {grocery} TO THE {list} LIST", "PUT {grocery} ON MY {list} LIST", "ADD {amount} {grocery} TO THE {list} LIST", "REMOVE {grocery} FROM THE LIST", "READ THE {list} LIST",
        "CLEAR THE {list} LIST", "ORDER {amount} {grocery}", "BUY {grocery} AND {grocery}",
    ],
    "coffee_order": [
        "MAKE ME A {drink}", "MAKE ME A {size} {drink}", "I WOULD LIKE A {size} {drink}", "CAN I GET A {size} {drink} WITH {extra}", "CAN I HAVE A {drink} WITH {extra}",
        "GIVE ME A {roast} {drink}", "A {size} {roast} {drink} WITH {extra} AND {extra}", "I'D LIKE A {drink} PLEASE", "{number} {drink}S PLEASE", "ONE {drink} AND TWO {drink}S",
    ],
    "calendar_order": [
        "ADD A {event} ON {day} AT {time}", "MOVE MY {event} TO {day}", "CANCEL MY {event} {when}", "SCHEDULE A {event} WITH {name} AT {time}", "BOOK A TABLE FOR {digit} AT {time}",
        "MAKE AN APPOINTMENT ON {date}", "SCHEDULE A {event} ON {date}",
    ],
    "travel_order": [
        "TAKE ME HOME", "TAKE ME TO {city}", "DRIVE TO THE {office}", "SHOW ME THE WAY TO THE {office}", "FIND A {office} NEAR ME", "GIVE ME DIRECTIONS TO {city}", "BOOK A TICKET TO {city}",
        "TURN {side} AT THE NEXT STREET", "CALL ME A TAXI", "FIND A {train} TO {city} {when}",
    ],
    "move_order": [
        "GO {direction}", "MOVE {direction}", "TURN {side}", "GO {direction} {number} STEPS", "FOLLOW ME", "COME HERE", "GO TO THE {room}", "STOP HERE", "GO BACK", "LOOK {direction}",
        "GO UP THE STAIRS", "TURN AROUND", "BRING ME THE {thing}", "PICK UP THE {thing}", "PUT DOWN THE {thing}",
    ],
    "screen_order": [
        "SCROLL {direction}", "OPEN THE {thing}", "SHOW ME THE {list} LIST", "SHOW ME MY {event}S", "ZOOM IN", "ZOOM OUT", "GO TO PAGE {number}", "TAKE A PICTURE", "NEXT PAGE",
        "CLOSE THE WINDOW", "SWITCH TO CHANNEL {number}", "LEARN THE WORD {command_word}", "SELECT NUMBER {digit}", "START VISUAL MODE",
    ],
    "on": ["x3|ON", "x3|OFF"],
    "louder": ["UP", "DOWN", "LOUDER", "OFF"],
    "brighter": ["BRIGHTER", "DARKER"],
    "warmer": ["WARMER", "COLDER", "COOLER"],
    "rain": ["RAIN", "SNOW", "BE SUNNY", "BE WINDY", "BE COLD"],
    "rise": ["RISE", "SET", "GO DOWN"],
    "late": ["LATE", "ON MY WAY", "AT HOME", "BUSY", "STUCK IN TRAFFIC"],
    "closed": ["CLOSED", "OPEN", "LOCKED"],
    "opens": ["OPEN", "CLOSE", "SHUT"],
    "side": ["LEFT", "RIGHT"],
    "direction": ["FORWARD", "BACKWARD", "LEFT", "RIGHT", "UP", "DOWN"],
    "room": ["KITCHEN", "BEDROOM", "BATHROOM", "LIVING ROOM", "HALLWAY", "GARAGE", "GARDEN", "OFFICE", "HOUSE", "DINING ROOM", "BASEMENT"],
    "lamp": ["LAMP", "LIGHT", "CEILING LIGHT", "READING LAMP", "NIGHT LIGHT"],
    "color": ["RED", "GREEN", "BLUE", "WHITE", "YELLOW", "ORANGE", "PURPLE", "PINK", "WARM WHITE"],
    "opening": ["DOOR", "WINDOW", "CURTAIN", "BLIND", "GATE", "GARAGE DOOR"],
    "device": ["FAN", "HEATER", "TELEVISION", "RADIO", "OVEN", "AIR CONDITIONER", "COFFEE MACHINE", "HEATING", "ALARM", "COMPUTER"],
    "machine": ["DISHWASHER", "WASHING MACHINE", "COFFEE MACHINE", "VACUUM CLEANER", "DRYER", "ENGINE"],
    "thing": ["KEYS", "PHONE", "BOOK", "BAG", "CUP", "BALL", "BOX", "WALLET", "GLASSES", "CAMERA", "MAP", "CALENDAR", "DOOR", "LETTER"],
    "list": ["SHOPPING", "TO DO", "GROCERY", "PACKING"],
    "grocery": ["MILK", "BREAD", "EGGS", "BUTTER", "CHEESE", "APPLES", "BANANAS", "TOMATOES", "RICE", "PASTA", "COFFEE", "TEA", "SUGAR", "SALT", "WATER", "ORANGES", "POTATOES", "ONIONS"],
    "amount": ["{number}", "A BOTTLE OF", "A BOX OF", "A POUND OF", "TWO BAGS OF", "SOME", "MORE"],
    "dish": ["RICE", "EGGS", "PASTA", "PIZZA", "BREAD", "CAKE", "SOUP", "CHICKEN", "POTATOES", "FISH"],
    "drink": ["COFFEE", "LATTE", "CAPPUCCINO", "ESPRESSO", "MOCHA", "AMERICANO", "TEA", "HOT CHOCOLATE", "DRIP COFFEE"],
    "size": ["SMALL", "MEDIUM", "LARGE", "SINGLE SHOT", "DOUBLE SHOT", "TRIPLE SHOT"],
    "roast": ["LIGHT ROAST", "MEDIUM ROAST", "DARK ROAST", "ICED"],
    "extra": ["MILK", "WHOLE MILK", "SOY MILK", "ALMOND MILK", "CREAM", "SUGAR", "BROWN SUGAR", "CINNAMON", "SWEETENER", "WHIPPED CREAM", "HONEY"],
    "genre": ["JAZZ", "ROCK", "CLASSICAL MUSIC", "POP", "COUNTRY", "BLUES", "PIANO MUSIC", "DANCE MUSIC", "CHRISTMAS SONGS"],
    "event": ["MEETING", "APPOINTMENT", "LESSON", "PARTY", "LUNCH", "DINNER", "CALL", "CLASS"],
    "office": ["OFFICE", "POLICE", "DOCTOR", "HOSPITAL", "STATION", "AIRPORT", "BANK", "HOTEL", "RESTAURANT", "SCHOOL", "LIBRARY", "SUPERMARKET", "PHARMACY"],
    "train": ["TRAIN", "BUS", "PLANE", "FLIGHT", "BOAT"],
    "when": ["x3|TODAY", "x3|TOMORROW", "TONIGHT", "THIS MORNING", "THIS AFTERNOON", "THIS EVENING", "TOMORROW MORNING", "ON {day}", "NEXT WEEK", "NEXT {day}", "THIS WEEKEND"],
    "day": ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"],
    "month": ["JANUARY", "FEBRUARY", "MARCH", "APRIL", "MAY", "JUNE", "JULY", "AUGUST", "SEPTEMBER", "OCTOBER", "NOVEMBER", "DECEMBER"],
    "date": ["{month} {ordinal}", "THE {ordinal} OF {month}", "{day} {month} {ordinal}", "{day} THE {ordinal}"],
    "chore": [
        "TAKE OUT THE TRASH", "FEED THE {pet}", "CALL {person}", "WATER THE PLANTS", "BUY {grocery}", "DO THE DISHES", "TAKE MY MEDICINE", "PICK UP THE CHILDREN", "WALK THE DOG",
        "PAY THE BILLS", "CLEAN THE {room}", "COME HOME", "CHECK THE OVEN", "GO TO BED",
    ],
    "pet": ["CAT", "DOG", "BIRD", "FISH", "BIRDS"],
    "person": ["MY MOTHER", "MY FATHER", "MY WIFE", "MY HUSBAND", "MY BROTHER", "MY SISTER", "MOM", "DAD", "GRANDMA", "THE BOSS"],
    "name": [
        "ANNA", "MARY", "JOHN", "PETER", "PAUL", "SARAH", "DAVID", "EMMA", "MICHAEL", "LINDA", "JAMES", "ROBERT", "SUSAN", "KAREN", "DANIEL", "MARK", "LAURA", "THOMAS", "ALICE",
        "GEORGE", "HELEN", "KEVIN", "LUCY", "MARIA", "NANCY", "OLIVER", "RACHEL", "SIMON", "SOPHIE", "WILLIAM", "MARVIN", "SHEILA", "JACK", "KATE", "ELIZABETH", "CHARLES", "BILLY",
    ],
    "city": [
        "LONDON", "PARIS", "BERLIN", "NEW YORK", "BOSTON", "CHICAGO", "TOKYO", "BEIJING", "SHANGHAI", "ROME", "MADRID", "VIENNA", "SYDNEY", "DUBLIN", "LOS ANGELES", "SAN FRANCISCO",
        "WASHINGTON", "TORONTO", "SEATTLE", "AMSTERDAM",
    ],
    "time": [
        "x2|{hour} O'CLOCK", "{hour}", "x2|{hour} {minutes}", "{hour} THIRTY", "HALF PAST {hour}", "QUARTER PAST {hour}", "A QUARTER TO {hour}", "{number_to_29} PAST {hour}",
        "{hour} IN THE {daytime}", "{hour} O'CLOCK IN THE {daytime}", "NOON", "MIDNIGHT", "TEN TO {hour}",
    ],
    "daytime": ["MORNING", "AFTERNOON", "EVENING"],
    "duration": [
        "x3|{number_to_59} MINUTES", "ONE MINUTE", "A MINUTE", "{number_to_59} SECONDS", "ONE HOUR", "AN HOUR", "TWO HOURS", "HALF AN HOUR", "AN HOUR AND A HALF",
        "{digit} HOURS", "ONE HOUR AND {number_to_59} MINUTES", "{digit} DAYS",
    ],
    "duration_adjective": ["{number_to_59} MINUTE", "{number_to_59} SECOND", "TWO HOUR", "ONE HOUR"],
    "percent": ["{number} PERCENT", "FIFTY PERCENT", "HALF", "FULL"],
    "minutes": ["FIFTEEN", "FORTY FIVE", "TWENTY", "TEN", "{number_to_59}", "OH FIVE"],
}


def spoken_number(value: int) -> str:
    """0 to 9999 as it is said."""
    if not 0 <= value <= 9999:
        raise ValueError(f"{value} is not between 0 and 9999")
    if value < 10:
        return DIGITS[value]
    if value < 20:
        return TEENS[value - 10]
    if value < 100:
        return TENS[value // 10 - 2] + (f" {DIGITS[value % 10]}" if value % 10 else "")
    if value < 1000:
        return f"{DIGITS[value // 100]} HUNDRED" + (f" AND {spoken_number(value % 100)}" if value % 100 else "")
    return f"{spoken_number(value // 1000)} THOUSAND" + (f" {spoken_number(value % 1000)}" if value % 1000 else "")


FUNCTIONS = {
    "digit": lambda chance: chance.choice(DIGITS),
    "digits": lambda chance: " ".join(chance.choice(DIGITS) for _ in range(chance.randint(2, 7))),
    # Small numbers are said more often than large ones.
    "number": lambda chance: spoken_number(chance.randint(0, chance.choice([9, 20, 99, 99, 100, 999, 9999]))),
    "number_to_29": lambda chance: spoken_number(chance.randint(1, 29)),
    "number_to_59": lambda chance: spoken_number(chance.randint(2, 59)),
    "age": lambda chance: spoken_number(chance.randint(3, 99)),
    "hour": lambda chance: spoken_number(chance.randint(1, 12)),
    "ordinal": lambda chance: chance.choice(ORDINALS),
}

# "A" before a vowel that is heard as one.
_ARTICLE = re.compile(r"\bA (?=[AEIO])(?!ONE\b)")
_REFERENCE = re.compile(r"\{(\w+)\}")
_WEIGHTED = {
    name: [re.match(r"(?:x(\d+)\|)?(.*)$", alternative).groups() for alternative in alternatives] for name, alternatives in RULES.items()
}


def expand(name: str, chance: random.Random) -> str:
    """One text of the rule `name`."""
    if name in FUNCTIONS:
        return FUNCTIONS[name](chance)
    alternatives = _WEIGHTED[name]
    [(_, chosen)] = chance.choices(alternatives, weights=[int(weight or 1) for weight, _ in alternatives])
    return _REFERENCE.sub(lambda reference: expand(reference[1], chance), chosen)


def sentences(seed: int, count: int) -> list[str]:
    """`count` sentences; repetitions are as frequent as the grammar makes them."""
    chance = random.Random(seed)
    return [_ARTICLE.sub("AN ", expand("sentence", chance)) for _ in range(count)]
