/// So that an edge's state machines can throw the refusal itself; ``statusError`` is what goes on the wire.
extension Tandem_V1_Refused: Error {}
