import Foundation

/// e^x: the one function of the mathematical library that the estimators need.
func exponential(_ x: Double) -> Double { exp(x) }
