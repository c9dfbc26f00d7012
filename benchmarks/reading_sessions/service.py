"""A service desk that looks up records, cancels one booking, is refused another, and changes two."""

from __future__ import annotations

from typing import Any

from reading_sessions.script import Chat, Script

__all__ = ["messages"]

POLICY = (
    "You are the service desk of Norrland Air. Look up before you answer. A basic fare is never refunded; a flexible fare is refunded in "
    "full up to 24 hours before departure. Cancel only after the customer has said yes. Baggage can be added until check-in closes."
)


def _booking(number: str, fare: str, origin: str, goal: str, day: str, price: int) -> dict[str, Any]:
    people = [
        {"name": name, "born": born, "seat": seat, "bags": 1}
        for name, born, seat in (("Ida Holm", "1984-02-11", "14C"), ("Per Holm", "1981-09-30", "14D"))
    ]
    legs = [
        {
            "flight": f"NL{price % 900}",
            "from": origin,
            "to": goal,
            "departs": f"{day}T07:40",
            "arrives": f"{day}T09:05",
            "status": "on time",
        }
    ]
    payment = {"method": "card ending 7741", "amount": price, "currency": "SEK", "id": f"pay_{price * 17}"}
    return {"booking": number, "fare": fare, "passengers": people, "legs": legs, "payment": payment, "notes": []}


def _flights(origin: str, goal: str, day: str, many: int) -> list[dict[str, Any]]:
    return [
        {
            "flight": f"NL{200 + 7 * place}",
            "from": origin,
            "to": goal,
            "departs": f"{day}T{6 + place:02}:15",
            "arrives": f"{day}T{7 + place:02}:20",
            "aircraft": ("ATR 72", "A320neo")[place % 2],
            "seats": place * 3 % 11,
            "class": "KLMQ"[place % 4],
            "terminal": 1 + place % 5,
            "price": 690 + 85 * place,
        }
        for place in range(many)
    ]


def messages() -> Chat:
    script = Script()
    run = script.call
    script.say("system", POLICY)
    script.say(
        "user",
        "Hello, this is Ida Holm. I have two bookings, K7QX2M and R4TB9Z, and I have to cancel "
        "both. Please write to ida@holm.example only.",
    )
    run(
        "",
        "get_customer",
        {
            "id": "cus_55120",
            "name": "Ida Holm",
            "email": "ida.holm@work.example",
            "tier": "silver",
            "points": 18_420,
            "bookings": ["K7QX2M", "R4TB9Z", "D1LL0P"],
        },
        name="Ida Holm",
    )
    run("", "get_booking", _booking("K7QX2M", "flexible", "UME", "ARN", "2024-06-14", 3_180), booking="K7QX2M")
    run("", "get_booking", _booking("R4TB9Z", "basic", "ARN", "OSL", "2024-06-16", 1_460), booking="R4TB9Z")
    script.say(
        "assistant",
        "K7QX2M is a flexible fare: I can cancel it and refund 3180 SEK. R4TB9Z is a basic fare, "
        "which is never refunded. Shall I cancel K7QX2M?",
    )
    script.say("user", "Yes, cancel K7QX2M. But the other one too, my mother is in hospital!")
    run(
        "",
        "cancel_booking",
        {"booking": "K7QX2M", "status": "cancelled", "refund": {"id": "ref_90817", "amount": 3_180, "currency": "SEK", "days": 5}},
        booking="K7QX2M",
    )
    run(
        "",
        "get_policy",
        [
            {
                "section": f"4.{place}",
                "text": f"Fares of class {chr(65 + place)} follow table {place + 3}; changes cost {120 + 40 * place} SEK a person and leg.",
            }
            for place in range(20)
        ],
        topic="basic fare hardship",
    )
    run(
        "",
        "cancel_booking",
        {
            "error": "POLICY_REFUSED",
            "booking": "R4TB9Z",
            "message": "Basic fares cannot be refunded. A change of date is possible for 400 SEK.",
        },
        booking="R4TB9Z",
    )
    script.say(
        "assistant",
        "K7QX2M is cancelled, refund ref_90817 of 3180 SEK within 5 days. I am sorry: R4TB9Z "
        "cannot be refunded, but its date can be moved for 400 SEK.",
    )
    script.say("user", "Then move it to July, any Friday morning. Nothing before 9 o'clock.")
    for day in ("2024-07-05", "2024-07-12", "2024-07-19"):
        run("", "search_flights", _flights("ARN", "OSL", day, 14), origin="ARN", destination="OSL", date=day)
    script.say(
        "assistant",
        "On Friday 12 July NL221 leaves at 09:15 and has 9 seats. It costs the change fee of 400 "
        "SEK and a fare difference of 255 SEK. Do you want it?",
    )
    script.say("user", "Yes. And charge it to the refund if you can, not to my card.")
    run(
        "",
        "change_booking",
        {
            "booking": "R4TB9Z",
            "flight": "NL221",
            "date": "2024-07-12",
            "due": 655,
            "currency": "SEK",
            "charged_to": "card ending 7741",
            "receipt": "rcp_3381",
        },
        booking="R4TB9Z",
        flight="NL221",
        date="2024-07-12",
    )
    script.say(
        "assistant",
        "R4TB9Z is moved to NL221 on 12 July. I could not use the refund: 655 SEK went to the card ending 7741, receipt rcp_3381.",
    )
    script.say("user", "Hm, all right. Now the third one, D1LL0P: can we take a second bag each?")
    run("", "get_booking", _booking("D1LL0P", "flexible", "UME", "GOT", "2024-08-02", 2_940), booking="D1LL0P")
    run(
        "",
        "get_baggage_prices",
        [
            {"route": f"UME-{goal}", "bag": bag, "price": 240 + 60 * bag + place * 10}
            for place, goal in enumerate(("ARN", "GOT", "MMX", "LLA"))
            for bag in (1, 2, 3)
        ],
        route="UME-GOT",
    )
    script.say("assistant", "A second bag costs 370 SEK a person, so 740 SEK for both of you. Shall I add them?")
    script.say("user", "Yes please, and send me everything that we did today in one mail.")
    run("", "add_baggage", {"booking": "D1LL0P", "bags": 2, "passengers": 2, "due": 740, "receipt": "rcp_3390"}, booking="D1LL0P", bags="2")
    return script.messages
